/** The verdict on facts that are right, and on facts with each kind of violation: a row that cannot turn red proves nothing. */
// biome-ignore lint/suspicious/noExplicitAny: plain JavaScript with JSDoc types
const { verdictOf, isGreen }: any = jest.requireActual('./verdict.mjs');

type Row = { name: string; violations: string[] };
// biome-ignore lint/suspicious/noExplicitAny: facts are broken on purpose
type Facts = any;

const T = Date.UTC(2026, 0, 1);
const at = (second: number) => new Date(T + second * 1000);
const who = (deployment: string, replica: string) =>
  JSON.stringify({ service: 's1', deployment, replica, version: deployment === 'd2' ? 'v2' : 'v1' });

const deployment = (id: string, status: string, commit: string, more = {}) => ({
  ...{ id, service_id: 's1', status, trigger: 'push', commit_hash: commit, error: null, error_code: null },
  ...{ created_at: at(0), started_at: at(1), completed_at: at(9), ...more },
});
const run = (id: string, subject: string, status: string, more = {}) => ({
  ...{ id, workflow: 'deployment', subject_id: subject, status, attempt: 1, lease_owner: null, lease_until: null },
  ...{ error: null, error_code: null, created_at: at(0), started_at: at(1), finished_at: at(9), ...more },
});
const step = (runId: string, position: number, status: string, more = {}) => ({
  ...{ run_id: runId, position, kind: `step-${position}`, status, error: null },
  ...{ started_at: at(2 + position), finished_at: at(3 + position), ...more },
});
const ask = (commit: string, kind: string) => ({ service: 's1', kind, ids: [], unanswered: 0, refused: null, commit });

/** One service with two replicas: a version, a newer one that is live, and one that was broken on purpose. */
function facts(): Facts {
  return {
    asks: [ask('c1', 'commit'), ask('c2', 'commit'), ask('c3', 'broken')],
    versions: { c1: 'v1', c2: 'v2', c3: 'v3' },
    planned: ['kill-container'],
    faults: [
      {
        ...{ kind: 'kill-container', what: 'app-1', from: T + 20_000, until: T + 20_100, deployments: ['d2'] },
        outages: [{ services: ['s1'], from: T + 20_000, until: T + 21_000 }],
      },
    ],
    services: [{ id: 's1', name: 'app', status: 'running', live_deployment_id: 'd2', replicas: 2 }],
    projects: [{ id: 'p1' }],
    deployments: [
      deployment('d1', 'superseded', 'c1'),
      deployment('d2', 'running', 'c2'),
      deployment('d3', 'failed', 'c3', { error: 'It ended.', error_code: 'release_exited' }),
    ],
    runs: [
      run('r1', 'd1', 'succeeded'),
      run('r2', 'd2', 'succeeded'),
      run('r3', 'd3', 'failed', { error: 'It ended.', error_code: 'release_exited' }),
    ],
    steps: [
      step('r2', 0, 'done'),
      step('r2', 1, 'done'),
      step('r3', 0, 'undone'),
      step('r3', 1, 'failed', { error: 'It ended.' }),
    ],
    images: [{ service_id: 's1', image_id: 'sha256:i1', tag: 'app:1' }],
    volumes: [],
    executions: [],
    strayLines: [],
    advisoryLocks: [],
    lockFiles: [],
    containers: ['10.0.0.2', '10.0.0.3'].map((address, replica) => ({
      ...{
        id: `k${replica}`,
        name: `app-${replica}`,
        state: 'running',
        service: 's1',
        deployment: 'd2',
        addresses: [address],
      },
    })),
    networks: [{ name: 'net', project: 'p1' }],
    dockerVolumes: [],
    dockerImages: [{ id: 'sha256:i1', tags: ['app:1'], commit: 'c2' }],
    routes: {
      hosts: [{ host: 'app.test', service: 's1', upstreams: ['10.0.0.3:3000', '10.0.0.2:3000'] }],
      folders: ['s1'],
      drafts: [],
    },
    answers: ['0', '1'].map((replica) => ({ service: 's1', status: 200, text: who('d2', replica) })),
    traffic: { total: 100, slowest: 5, strangers: [], answered: { d1: 50, d2: 49 }, failed: [failure(20.2)] },
  };
}

const failure = (second: number, service = 's1') => ({
  ...{ service, start: T + second * 1000, end: T + second * 1000 + 50, status: 502, text: '' },
});

const red = (broken: Facts): string[] =>
  verdictOf(broken)
    .filter((row: Row) => row.violations.length > 0)
    .map((row: Row) => row.name);

it('is green when all is well', () => {
  expect(red(facts())).toEqual([]);
  expect(isGreen(verdictOf(facts()))).toBe(true);
});

const FINAL = 'every deployment has one final state';
const MATCHES = 'what is recorded is what runs and answers';
const LOST = 'nothing lost';
const DOUBLED = 'nothing doubled';
const HALF = 'nothing half done';
const ORPHANS = 'no orphaned container, image, network, volume, route or row';
const LOCKS = 'no lock or lease left';
const REQUESTS = 'requests fail only when their process is killed';
const STRANGERS = 'only proven releases of the very service answer';
const HISTORY = "every run's history explains what happened";
const ATTACKED = 'it was attacked';

it.each<[string, string, (f: Facts) => void]>([
  [ATTACKED, 'a fault that was planned never came', (f) => f.planned.push('kill-caddy')],
  [ATTACKED, 'no load', (f) => (f.traffic.total = 0)],
  [FINAL, 'a deployment that is still open', (f) => (f.deployments[0].status = 'building')],
  [MATCHES, 'two live releases', (f) => (f.deployments[0].status = 'running')],
  [MATCHES, 'no live release', (f) => (f.deployments[1].status = 'superseded')],
  [MATCHES, 'the service says something else', (f) => (f.services[0].status = 'deploying')],
  [MATCHES, 'a replica that does not run', (f) => (f.containers[0].state = 'exited')],
  [MATCHES, 'a route that leads elsewhere', (f) => (f.routes.hosts[0].upstreams = ['10.0.0.2:3000', '10.0.0.9:3000'])],
  [MATCHES, 'no route', (f) => (f.routes.hosts = [])],
  [MATCHES, 'an answer that is not 200', (f) => (f.answers[0] = { service: 's1', status: 503, text: '' })],
  [MATCHES, 'an answer of the release before', (f) => (f.answers[0].text = who('d1', '0'))],
  [MATCHES, 'files of another version', (f) => (f.versions.c2 = 'v9')],
  [MATCHES, 'a replica that never answers', (f) => (f.answers[1] = f.answers[0])],
  [LOST, 'a promised deployment without a row', (f) => f.asks[0].ids.push('d9')],
  [LOST, 'a pushed commit that was not deployed', (f) => f.asks.push(ask('c9', 'commit'))],
  [LOST, 'a wish that was never taken', (f) => (f.asks[0].refused = 'no push got through')],
  [DOUBLED, 'a deployment that nobody asked for', (f) => f.deployments.push(deployment('d9', 'superseded', 'c9'))],
  [DOUBLED, 'two deployments of one push', (f) => f.deployments.push(deployment('d9', 'superseded', 'c1'))],
  [DOUBLED, 'two runs of one deployment', (f) => f.runs.push(run('r9', 'd1', 'succeeded'))],
  [DOUBLED, 'two images of one commit', (f) => f.dockerImages.push({ id: 'sha256:i9', tags: [], commit: 'c2' })],
  [HALF, 'a step that goes on in a run that succeeded', (f) => (f.steps[1].status = 'running')],
  [HALF, 'a step that is being taken back in a run that failed', (f) => (f.steps[2].status = 'undoing')],
  [HALF, 'an execution that never ended', (f) => f.executions.push({ id: 'e1', status: 'running' })],
  [ORPHANS, 'a container', (f) => f.containers.push({ name: 'old', state: 'exited', deployment: 'd1', addresses: [] })],
  [ORPHANS, 'an image', (f) => f.dockerImages.push({ id: 'sha256:i9', tags: [], commit: 'c9' })],
  [ORPHANS, 'the row of an image', (f) => (f.dockerImages = [])],
  [ORPHANS, 'a network', (f) => f.networks.push({ name: 'old', project: 'p9' })],
  [ORPHANS, 'a volume', (f) => f.dockerVolumes.push('containr-v9')],
  [ORPHANS, 'a route', (f) => f.routes.hosts.push({ host: 'old.test', service: 's9', upstreams: [] })],
  [ORPHANS, 'the folder of a route', (f) => f.routes.folders.push('s9')],
  [ORPHANS, 'half a route', (f) => f.routes.drafts.push('.link-1')],
  [ORPHANS, 'log lines', (f) => f.strayLines.push({ id: 'd9' })],
  [LOCKS, 'a run that never ended', (f) => (f.runs[0].status = 'stuck')],
  [LOCKS, 'a lease of a run that has ended', (f) => (f.runs[0].lease_owner = 'w1')],
  [LOCKS, 'an advisory lock', (f) => f.advisoryLocks.push({ pid: 7 })],
  [LOCKS, 'a lock file', (f) => f.lockFiles.push('s1.git/HEAD.lock')],
  [REQUESTS, 'a failure before anything was killed', (f) => f.traffic.failed.push(failure(19.9))],
  [REQUESTS, 'a failure more than a second after', (f) => f.traffic.failed.push(failure(21.1))],
  [REQUESTS, 'a failure of another service', (f) => f.traffic.failed.push(failure(20.2, 's2'))],
  [
    STRANGERS,
    'an answer of another app',
    (f) => f.traffic.strangers.push({ service: 's1', start: T, end: T, text: '{}' }),
  ],
  [STRANGERS, 'an answer of a broken release', (f) => (f.traffic.answered.d3 = 1)],
  [HISTORY, 'a failure without a reason', (f) => (f.deployments[2].error = null)],
  [HISTORY, 'a failure with a reason that does not fit', (f) => (f.deployments[2].error_code = 'internal')],
  [HISTORY, 'a good version that failed in peace', (f) => (f.asks[2].kind = 'commit')],
  [HISTORY, 'a run that failed without a reason', (f) => (f.runs[2].error_code = null)],
  [HISTORY, 'a step that failed without a reason', (f) => (f.steps[3].error = null)],
  [HISTORY, 'a take-over for which nothing was killed', (f) => (f.runs[1].attempt = 2)],
  [HISTORY, 'a step that ended before it began', (f) => (f.steps[0].finished_at = at(0))],
  [HISTORY, 'steps out of order', (f) => (f.steps[1].started_at = at(1))],
  [HISTORY, 'a step after the end of its run', (f) => (f.steps[1].finished_at = at(3600))],
])('%s: red for %s', (name, _what, harm) => {
  const broken = facts();
  harm(broken);
  expect(red(broken)).toContain(name);
});

it('excuses a failed deployment only by what was done to it meanwhile', () => {
  const killed = facts();
  killed.asks[2].kind = 'commit';
  killed.faults[0] = { ...killed.faults[0], deployments: ['d3'], from: T + 5000, until: T + 5100 };
  expect(red(killed)).not.toContain(HISTORY);
  killed.faults[0].deployments = ['d2'];
  expect(red(killed)).toContain(HISTORY);
});

it('explains a take-over by a worker that was killed', () => {
  const killed = facts();
  killed.runs[1].attempt = 2;
  killed.faults.push({ kind: 'kill-worker', what: 'worker 1', from: T + 4000, until: T + 4001 });
  expect(red(killed)).not.toContain(HISTORY);
});
