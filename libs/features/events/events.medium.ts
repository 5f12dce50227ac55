/** Which events deployments and builds leave, once each, also when steps run twice. */
import { DeploymentActions } from '#features/deployments/deployments.actions.js';
import { removeServicesOf } from '#features/services/index.js';
import { Invalid } from '#platform/errors.js';
import { RunQueue } from '#workflows/run-queue.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';

let worker: TestWorker;
let service: Awaited<ReturnType<TestWorker['service']>>;

beforeEach(async () => {
  worker = await testWorker();
  service = await worker.service();
});
afterEach(() => worker.close());

async function create(text: string) {
  await worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n', 'app.txt': text });
  return worker.deployments.create(service.caller, service.id);
}

async function deploy(text: string): Promise<string> {
  const { id } = await create(text);
  await worker.settle();
  return id;
}

async function told(deployment: string): Promise<string[]> {
  const rows = await worker.db.platformEvent.findMany({ orderBy: { seq: 'asc' } });
  return rows.filter(({ data }) => JSON.stringify(data).includes(deployment)).map(({ type }) => type);
}

const SUCCESS = ['deployment.created', 'deployment.building', 'build.success', 'deployment.running'];

it('tells of a deployment from its creation until it is superseded', async () => {
  const first = await deploy('one');
  expect(await told(first)).toEqual(SUCCESS);
  const second = await deploy('two');
  expect(await told(first)).toEqual([...SUCCESS, 'deployment.superseded']);
  expect(await told(second)).toEqual(SUCCESS);
  const [created] = await worker.db.platformEvent.findMany({ where: { type: 'deployment.running' } });
  expect(created).toMatchObject({
    projectId: service.projectId,
    dispatchedAt: null,
    data: {
      deployment: {
        id: first,
        status: 'running',
        branch: 'main',
        commit_hash: expect.stringMatching(/^[0-9a-f]{40}$/),
      },
      service: { id: service.id, name: 'web' },
    },
  });
});

it('tells once although every step runs twice', async () => {
  for (const name of ['source.fetch', 'image.build', 'release.start', 'route.switch']) {
    const kind = worker.registry.requireKind(name);
    const commit = kind.commit;
    const begin = kind.begin;
    if (commit)
      kind.commit = async (...all) => {
        await commit(...all);
        await commit(...all);
      };
    if (begin)
      kind.begin = async (...all) => {
        await begin(...all);
        await begin(...all);
      };
  }
  expect(await told(await deploy('one'))).toEqual(SUCCESS);
});

it('tells of failures, of the build and of the deployment', async () => {
  worker.builder.build = async () => {
    throw new Invalid('build_failed', 'It does not compile.');
  };
  const id = await deploy('one');
  expect(await told(id)).toEqual(['deployment.created', 'deployment.building', 'build.failed', 'deployment.failed']);
  const [failed] = await worker.db.platformEvent.findMany({ where: { type: 'deployment.failed' } });
  expect(failed?.data).toMatchObject({ deployment: { error: 'It does not compile.', error_code: 'build_failed' } });
});

it('tells of what is superseded or cancelled while it waits', async () => {
  const [one, two] = [await create('one'), await create('two')];
  expect(await told(one.id)).toEqual(['deployment.created', 'deployment.superseded']);
  await worker.deployments.cancel(service.caller, two.id);
  expect(await told(two.id)).toEqual(['deployment.created', 'deployment.cancelled']);
  const three = await create('three');
  const queue = { nudge: () => undefined } as unknown as RunQueue;
  await new DeploymentActions(worker.db, worker.deployments, queue).act(service.caller, service.id, 'stop');
  expect(await told(three.id)).toEqual(['deployment.created', 'deployment.cancelled']);
  await worker.settle();
  const four = await create('four');
  await worker.db.$transaction((tx) => removeServicesOf(tx, service.projectId));
  expect(await told(four.id)).toEqual(['deployment.created', 'deployment.cancelled']);
});
