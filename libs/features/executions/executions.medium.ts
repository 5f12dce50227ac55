/** Cron services: due times become executions, once; no overlap; exit codes and output are kept. */
import { moveClock, restoreClock } from '#platform/testing/clock.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { ExecutionSchedule } from './index.js';

let worker: TestWorker;
let service: Awaited<ReturnType<TestWorker['service']>>;
let schedule: ExecutionSchedule;

async function cronService(command: string): Promise<void> {
  service = await worker.service({ type: 'cron', schedule: '* * * * *', buildConfig: { start_command: command } });
  await worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n' });
  await worker.deployments.create(service.caller, service.id);
  await worker.settle();
}

const due = () =>
  worker.db.service.update({ where: { id: service.id }, data: { nextRunAt: new Date(Date.now() - 1000) } });
const executions = () =>
  worker.db.execution.findMany({ where: { serviceId: service.id }, orderBy: { createdAt: 'asc' } });

beforeEach(async () => {
  worker = await testWorker();
  schedule = worker.get(ExecutionSchedule);
});
afterEach(() => worker.close());

it.each([
  ['exit 0', 'succeeded', 0],
  ['exit 7', 'failed', 7],
])('records %s as %s and removes the container', async (command, status, exitCode) => {
  await cronService(command);
  await due();
  expect(await schedule.tick()).toBe(1);
  await worker.settle();
  expect(await executions()).toMatchObject([{ status, exitCode, trigger: 'schedule' }]);
  expect(worker.runtime.workloads.size).toBe(0);
});

it('plans the next time and is not due twice', async () => {
  await cronService('exit 0');
  await due();
  await Promise.all([schedule.tick(), schedule.tick()]);
  const { nextRunAt } = await worker.db.service.findUniqueOrThrow({ where: { id: service.id } });
  expect(nextRunAt?.getTime()).toBeGreaterThan(Date.now());
  expect(await executions()).toHaveLength(1);
});

it.each([
  -7_200_000, 7_200_000,
])('plans the next time by the clock of the database when its own is %d ms off', async (off) => {
  await cronService('exit 0');
  await due();
  moveClock(off);
  await schedule.tick().finally(restoreClock);
  const { nextRunAt } = await worker.db.service.findUniqueOrThrow({ where: { id: service.id } });
  expect(Math.abs((nextRunAt?.getTime() ?? 0) - Date.now())).toBeLessThan(600_000);
});

it('skips an execution while the one before still runs', async () => {
  await cronService('exit 0');
  await due();
  await schedule.tick();
  await due();
  await schedule.tick();
  expect((await executions()).map(({ status }) => status)).toEqual(['pending', 'skipped']);
  await worker.settle();
  expect((await executions()).map(({ status }) => status)).toEqual(['succeeded', 'skipped']);
});

it('does not start a job twice when its worker dies after the start', async () => {
  await cronService('exit 0');
  const kind = worker.registry.requireKind('job.start');
  const original = kind.do;
  const starts: string[] = [];
  kind.do = async (ctx, params) => {
    await original.call(kind, ctx, params);
    const output = await original.call(kind, ctx, params);
    starts.push(...worker.runtime.calls.map(String).filter((call) => call.includes('ensureRunning')));
    return output;
  };
  await due();
  await schedule.tick();
  await worker.settle();
  expect(await executions()).toMatchObject([{ status: 'succeeded' }]);
  expect(starts).toHaveLength(1);
});
