import { releaseSettings } from '#contracts/services.js';
import { type Have, planDeployment, type Want } from './deployments.plan.js';
import { comingFrom, MOVES } from './deployments.state.js';

const settings = releaseSettings.parse({});
const have: Have = { deploymentId: 'old', names: ['web-old-1'], port: 3000, drainSeconds: 30, graceSeconds: 10 };

function want(config: Partial<Want['config']> = {}, rest: Partial<Want> = {}): Want {
  const base = {
    type: 'web' as const,
    alias: 'web',
    replicas: 1,
    serviceId: 'service',
    settings,
    source: { type: 'git' as const },
  };
  return {
    deploymentId: '00000000-0000-4000-8000-000000000001',
    config: { ...base, ...config },
    branch: 'main',
    commit: null,
    image: null,
    ...rest,
  };
}

const kinds = (...args: Parameters<typeof planDeployment>) => planDeployment(...args).map((step) => step.kind);

it('builds, proves, switches, and only then takes the old release away', () => {
  expect(kinds(want(), have)).toEqual([
    'source.fetch',
    'image.build',
    'release.start',
    'release.await',
    'route.switch',
    'release.drain',
    'release.retire',
  ]);
});

it('waits for what it depends on after its image is there', () => {
  expect(kinds(want({ after: ['db'] }), null).slice(1, 4)).toEqual([
    'image.build',
    'dependencies.await',
    'release.start',
  ]);
});

it.each([
  [
    'the first deployment has nothing to retire',
    want(),
    null,
    ['source.fetch', 'image.build', 'release.start', 'release.await', 'route.switch'],
  ],
  [
    'an image is pulled',
    want({ source: { type: 'image', image: 'nginx:1.22' } }),
    null,
    ['image.pull', 'release.start', 'release.await', 'route.switch'],
  ],
  [
    'a known image is neither fetched nor built',
    want({}, { image: 'sha256:1' }),
    null,
    ['release.start', 'release.await', 'route.switch'],
  ],
  [
    'a worker has no route',
    want({ type: 'worker' }),
    have,
    ['source.fetch', 'image.build', 'release.start', 'release.await', 'release.activate', 'release.retire'],
  ],
  [
    'a cron service only gets its image',
    want({ type: 'cron' }),
    null,
    ['source.fetch', 'image.build', 'release.activate'],
  ],
])('%s', (_name, wanted, old, expected) => expect(kinds(wanted, old)).toEqual(expected));

it('chooses every name in the plan, and no secret is in it', () => {
  const plan = planDeployment(want({ replicas: 2 }), have);
  expect(plan.find((step) => step.kind === 'release.start')?.params.names).toHaveLength(2);
  expect(plan.find((step) => step.kind === 'release.retire')?.params).toEqual({ names: have.names, grace: 10 });
  expect(JSON.stringify(plan)).not.toContain('variables');
});

it('ends every deployment in a final state, and only one way leads to running', () => {
  expect(comingFrom('running')).toEqual(['deploying']);
  expect([MOVES.superseded, MOVES.failed, MOVES.cancelled]).toEqual([[], [], []]);
});
