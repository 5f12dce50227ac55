// Ten deployments under load of an app that listens at once and of one that needs three seconds: nothing may fail, the new version
// answers soon after it is healthy, and "running" is never said before it does.
import { randomUUID } from 'node:crypto';
import { until } from '../../../deploy/setup/lib/wait.mjs';
import { writeTellingApp } from '../lib/app.mjs';
import { push } from '../lib/floor.mjs';
import { boundLine } from '../lib/pairs.mjs';
import { BenchService } from '../lib/service.mjs';
import { Crowd, get } from '../lib/visitor.mjs';

const DEPLOYS = 10;
const PER_SECOND = 200;
const SETTINGS = { health_check_path: '/health' };

/** Resolves as soon as the API says that this commit is live, with what the ingress answers in that moment. */
async function saidRunning(subject, commit) {
  const look = async () => {
    const newest = await subject.newest();
    if (newest?.commit_message !== commit) return null;
    if (newest.status === 'failed') return { id: newest.id, error: newest.error };
    return newest.status === 'running' ? { id: newest.id, answer: await get(subject.target) } : null;
  };
  const found = await until(look, { what: `${commit} live`, within: 120_000, every: 5, signal: subject.world.signal });
  if (found.error) throw new Error(found.error);
  return found;
}

/** @returns {Promise<{ failed: number, early: number, switched: number, requests: number }>} switched: ms */
async function deployUnderLoad(subject, listensAfter) {
  const version = randomUUID();
  writeTellingApp(subject.tree.dir, { version, listensAfter });
  await subject.tree.commitAll(version);
  let first = null;
  const crowd = new Crowd(subject.target, PER_SECOND, (text) => {
    if (first || !text.includes(version)) return;
    first = { heardAt: Date.now(), ...JSON.parse(text) };
  });
  try {
    const [said] = await Promise.all([saidRunning(subject, version), push(subject.tree)]);
    await subject.world.settled(said.id);
    const early = said.answer.text.includes(version) ? 0 : 1;
    await until(() => first, { what: 'an answer of the new version', within: 10_000, every: 5 });
    return {
      early,
      switched: first.heardAt - first.healthyAt,
      failed: crowd.failures.length,
      requests: crowd.requests,
    };
  } finally {
    await crowd.stop();
  }
}

async function story(world, project, { name, listensAfter, say }) {
  const app = (dir) => writeTellingApp(dir, { version: 'first', listensAfter });
  const subject = await BenchService.create(world, project, SETTINGS, app);
  await push(subject.tree);
  await world.settled((await subject.newest()).id);
  const taken = [];
  for (let i = 0; i < DEPLOYS; i++) {
    taken.push(await deployUnderLoad(subject, listensAfter));
    say(`${name}, deployment ${i + 1} of ${DEPLOYS}: ${JSON.stringify(taken.at(-1))}`);
  }
  const requests = taken.reduce((sum, one) => sum + one.requests, 0);
  const column = (key) => taken.map((one) => one[key]);
  return [
    {
      ...boundLine({
        label: `${name}: failed requests per deployment`,
        unit: '',
        ours: column('failed'),
        atMost: 0,
        percent: 100,
      }),
      note: `of ${requests} in all`,
    },
    boundLine({ label: `${name}: "running" said too early`, unit: '', ours: column('early'), atMost: 0, percent: 100 }),
    boundLine({ label: `${name}: healthy -> new answer`, unit: 'ms', ours: column('switched'), atMost: 50 }),
  ];
}

export default {
  name: 'switch',
  what: `${DEPLOYS} deployments of each app under ${PER_SECOND} requests per second`,

  /** @param {import('./index.mjs').Context} context */
  async run({ say, world: start }) {
    const world = await start();
    const project = await world.project();
    return [
      ...(await story(world, project, { name: 'listens at once', listensAfter: 0, say })),
      ...(await story(world, project, { name: 'listens after 3 s', listensAfter: 3000, say })),
    ];
  },
};
