/** Deployments that wait for others, with fake drivers. */
import { randomUUID } from 'node:crypto';
import { DatabasesService } from '#features/databases/index.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';

let worker: TestWorker;
beforeEach(async () => {
  worker = await testWorker();
  worker.runtime.addImage('app:1');
});
afterEach(() => worker?.close());

/** Two services whose deployments are made in one transaction, the second after the first. */
async function pair(first: Record<string, unknown> = {}) {
  const image = { source: { type: 'image', image: 'app:1' } };
  const a = await worker.service({ name: 'first', ...image, ...first });
  const b = await worker.service({ name: 'second', ...image });
  return worker.db.$transaction(async (tx) => {
    const row = (id: string) => tx.service.findUniqueOrThrow({ where: { id }, include: { volumes: true } });
    const one = await worker.deployments.createIn(tx, await row(a.id), { deployments: [], runs: [] });
    const two = await worker.deployments.createIn(tx, await row(b.id), { deployments: [one.deploymentId], runs: [] });
    return { first: { ...a, ...one }, second: { ...b, ...two } };
  });
}
const deployment = (id: string) => worker.db.deployment.findUniqueOrThrow({ where: { id } });
const startOf = (runId: string) =>
  worker.db.runStep.findFirstOrThrow({ where: { runId, kind: 'release.start' } }).then(({ startedAt }) => startedAt);

it('starts the second after the first is live', async () => {
  const { first, second } = await pair();
  await worker.settle();
  const done = await deployment(first.deploymentId);
  expect([done.status, (await deployment(second.deploymentId)).status]).toEqual(['running', 'running']);
  expect((await startOf(second.runId))?.getTime()).toBeGreaterThanOrEqual(done.completedAt?.getTime() ?? Infinity);
});

it('gives up, and says so, when the first fails', async () => {
  const { first, second } = await pair({ source: { type: 'image', image: 'nowhere:1' } });
  await worker.settle();
  expect((await deployment(first.deploymentId)).status).toBe('failed');
  const lost = await deployment(second.deploymentId);
  expect([lost.status, lost.errorCode]).toEqual(['failed', 'dependency_failed']);
  expect(lost.error).toContain('"first"');
  expect(await startOf(second.runId)).toBeNull();
});

it('gives up when the first is cancelled', async () => {
  const { first, second } = await pair();
  await worker.deployments.cancel(first.caller, first.deploymentId);
  await worker.settle();
  expect((await deployment(second.deploymentId)).errorCode).toBe('dependency_failed');
});

/** A service that starts after a Redis database made in the same transaction. */
async function withDatabase() {
  const b = await worker.service({ name: 'second', source: { type: 'image', image: 'app:1' } });
  const { projectId } = await worker.db.service.findUniqueOrThrow({ where: { id: b.id } });
  const runId = randomUUID();
  return worker.db.$transaction(async (tx) => {
    const wish = { name: 'cache', type: 'redis', version: '7.0.15', plan: 'hobby', region: 'local', projectId };
    const database = await worker.get(DatabasesService).createIn(tx, b.caller, wish, runId);
    const row = await tx.service.findUniqueOrThrow({ where: { id: b.id }, include: { volumes: true } });
    return { database, ...(await worker.deployments.createIn(tx, row, { deployments: [], runs: [runId] })) };
  });
}

it('gives up, and says so, when the database cannot be started', async () => {
  const { database, deploymentId } = await withDatabase();
  await worker.settle();
  expect((await worker.db.database.findUniqueOrThrow({ where: { id: database.id } })).status).toBe('error');
  const lost = await deployment(deploymentId);
  expect([lost.status, lost.errorCode]).toEqual(['failed', 'dependency_failed']);
  expect(lost.error).toContain('"cache"');
});

it('gives up when the database is deleted meanwhile', async () => {
  const { database, deploymentId } = await withDatabase();
  const { ownerId } = await worker.db.project.findUniqueOrThrow({ where: { id: database.projectId } });
  await worker.get(DatabasesService).remove({ userId: ownerId, isAdmin: false }, database.id, true);
  await worker.settle();
  expect((await deployment(deploymentId)).error).toContain('was deleted');
});

it('does not wait again when it is rolled back to', async () => {
  const { second } = await pair();
  await worker.settle();
  await worker.deployments.create(second.caller, second.id);
  await worker.settle();
  const back = await worker.deployments.rollback(second.caller, second.deploymentId);
  await worker.settle();
  const run = await worker.db.run.findFirstOrThrow({ where: { subjectId: back.id }, include: { steps: true } });
  expect(run.steps.map(({ kind }) => kind)).not.toContain('dependencies.await');
  expect((await deployment(back.id)).status).toBe('running');
});
