/** Backups and restores on a real database with the fake engine: every step failed, every step twice, every refusal. */
import { randomUUID } from 'node:crypto';
import { ENGINES, imageOf } from '#drivers/engines/index.js';
import type { FakeObjectStore } from '#drivers/object-store/fake.js';
import { containerName } from '#features/databases/index.js';
import { Invalid, Unavailable } from '#platform/errors.js';
import { BackupSchedules, BackupSweeper } from './index.js';
import { SchedulesService } from './schedules.service.js';
import { TargetsService } from './targets.service.js';
import { BackupBench } from './testing/backup-bench.js';
import { FakeEngine } from './testing/fake-engine.js';

const OLD = 'first table\nsecond table\n';
const NEW = 'first table\nwritten later\n';

let bench: BackupBench;
let engine: FakeEngine;
let store: FakeObjectStore;

beforeEach(async () => {
  bench = await BackupBench.open();
  engine = new FakeEngine(bench.worker.runtime);
  store = bench.worker.stores.own;
  for (const each of Object.values(ENGINES))
    for (const version of each.versions) bench.worker.runtime.addImage(imageOf(each, version));
});
afterEach(() => bench.worker.close());

async function databaseWith(text: string, type = 'postgresql', name = 'data') {
  const id = await bench.database(type, name);
  const container = containerName(await bench.row(id));
  engine.set(container, text);
  return { id, container };
}

const runs = () => bench.db.run.findMany({ orderBy: { seq: 'asc' } });
const lastRun = async () => (await runs()).at(-1);

describe('a backup', () => {
  it('is completed with what was in it, and leaves a line in the log', async () => {
    const { id } = await databaseWith(OLD);
    const row = await bench.backup(id);
    expect(row).toMatchObject({ status: 'completed', trigger: 'manual', dumpBytes: BigInt(OLD.length), error: null });
    expect(row.facts).toMatchObject({ tables: [{ name: 'app.public.t0', rows: 11 }, { rows: 12 }], changed: [] });
    expect([...store.objects.keys()]).toEqual([row.objectKey]);
    expect(store.objects.get(row.objectKey ?? '')?.includes('second table')).toBe(false);
    const actions = await bench.db.auditLog.findMany({ where: { resource: 'backup' }, orderBy: { seq: 'asc' } });
    expect(actions.map(({ action }) => action)).toEqual(['create', 'completed']);
    const events = await bench.db.platformEvent.findMany({ where: { type: { startsWith: 'backup.' } } });
    expect(events).toMatchObject([{ type: 'backup.completed', data: { backup_id: row.id, database_id: id } }]);
  });

  it('names the tables that changed meanwhile instead of promising them', async () => {
    const { id, container } = await databaseWith(OLD);
    engine.onDump = () => engine.set(container, NEW);
    const { facts } = await bench.backup(id);
    expect(facts).toMatchObject({ tables: [{ name: 'app.public.t0' }], changed: ['app.public.t1'] });
  });

  it.each([
    ['the tool fails', () => Object.assign(engine, { dumpExit: 1 }), 'dump_failed'],
    ['the target is full', () => Object.assign(store, { room: 10 }), 'object_store_full'],
    ['the target is missing', () => Object.assign(store, { missing: true }), 'object_store_missing'],
  ])('fails loudly and leaves nothing when %s', async (_what, breakIt, code) => {
    const { id } = await databaseWith(OLD);
    breakIt();
    const row = await bench.backup(id);
    expect(row).toMatchObject({ status: 'failed', errorCode: code, objectKey: null });
    expect(row.error).toBeTruthy();
    store.missing = false;
    expect(store.objects.size).toBe(0);
  });

  it('fails when the database is stopped in the middle, and the database is whole', async () => {
    const { id, container } = await databaseWith(OLD);
    engine.onDump = () => {
      engine.dumpExit = 137;
    };
    expect(await bench.backup(id)).toMatchObject({ status: 'failed', errorCode: 'dump_failed' });
    expect(engine.of(container)).toBe(OLD);
    expect((await bench.row(id)).status).toBe('running');
  });

  it('is one file, however often its worker is killed', async () => {
    const { id } = await databaseWith(OLD);
    const kind = bench.worker.registry.requireKind('backup.dump');
    const original = kind.do;
    kind.do = async (ctx, params) => {
      const { attempt } = ctx.run;
      await original.call(kind, { ...ctx, run: { ...ctx.run, attempt: attempt + 100 } }, params);
      return original.call(kind, ctx, params);
    };
    const row = await bench.backup(id);
    expect(row.status).toBe('completed');
    expect([...store.objects.keys()]).toEqual([row.objectKey]);
  });

  it('is tried again while the target does not answer', async () => {
    const { id } = await databaseWith(OLD);
    const put = store.put.bind(store);
    let tries = 0;
    store.put = async (...args) => {
      tries += 1;
      if (tries === 1) throw new Unavailable('object_store_unreachable', 'away');
      return put(...args);
    };
    expect(await bench.backup(id)).toMatchObject({ status: 'completed' });
    expect(tries).toBe(2);
  });

  it('is refused for a stopped database and for an engine without a dump', async () => {
    const { id } = await databaseWith(OLD);
    await bench.databases.act(bench.caller, id, 'stop');
    await bench.worker.settle();
    await expect(bench.backups.create(bench.caller, id)).rejects.toMatchObject({ code: 'database_not_running' });
    const other = await bench.database('clickhouse', 'columns');
    await expect(bench.backups.create(bench.caller, other)).rejects.toMatchObject({ code: 'backup_unsupported' });
  });

  it('is for nobody else to see, restore or delete', async () => {
    const { id } = await databaseWith(OLD);
    const { id: backup } = await bench.backup(id);
    const stranger = { userId: randomUUID(), isAdmin: true };
    const gone = { status: 404 };
    await expect(bench.backups.create(stranger, id)).rejects.toMatchObject(gone);
    await expect(bench.backups.list(stranger, id, { limit: 20 })).rejects.toMatchObject(gone);
    await expect(bench.backups.get(stranger, id, backup)).rejects.toMatchObject(gone);
    await expect(bench.backups.remove(stranger, id, backup)).rejects.toMatchObject(gone);
    await expect(bench.backups.verify(stranger, id, backup)).rejects.toMatchObject(gone);
    const wish = { backup_id: backup, without_safety_backup: false };
    await expect(bench.restores.start(stranger, id, wish)).rejects.toMatchObject(gone);
  });

  it('goes with its file when it is deleted, also while it is being made', async () => {
    const { id } = await databaseWith(OLD);
    const done = await bench.backup(id);
    const { id: making } = await bench.backups.create(bench.caller, id);
    await bench.backups.remove(bench.caller, id, done.id);
    await bench.backups.remove(bench.caller, id, making);
    await bench.worker.settle();
    await bench.db.backup.updateMany({ where: { status: 'in_progress' }, data: { createdAt: new Date(0) } });
    await bench.worker.get(BackupSweeper).round();
    expect(store.objects.size).toBe(0);
    expect((await bench.backups.list(bench.caller, id, { limit: 20 })).backups).toEqual([]);
  });
});

describe('a proof', () => {
  it('says when the restored data is the same, and leaves nothing', async () => {
    const { id } = await databaseWith(OLD);
    const row = await bench.backup(id);
    await bench.backups.verify(bench.caller, id, row.id);
    await bench.worker.settle();
    const proven = await bench.db.backup.findUniqueOrThrow({ where: { id: row.id } });
    expect(proven).toMatchObject({ verifiedAt: expect.any(Date), verifyError: null });
    expect(bench.worker.runtime.workloads.size).toBe(1);
    expect(bench.worker.runtime.volumes.items.size).toBe(1);
  });

  it.each([
    [
      'the data is not the same',
      () =>
        bench.db.backup.updateMany({
          data: { facts: { tables: [{ name: 'x', rows: 1, checksum: '' }], changed: [] } },
        }),
    ],
    ['a bit of the file is flipped', async () => flip()],
    ['the engine does not take it', async () => Object.assign(engine, { restoreExit: 1 })],
  ])('says so when %s, and leaves nothing', async (_what, breakIt) => {
    const { id } = await databaseWith(OLD);
    const row = await bench.backup(id);
    await breakIt();
    await bench.backups.verify(bench.caller, id, row.id);
    await bench.worker.settle();
    const tried = await bench.db.backup.findUniqueOrThrow({ where: { id: row.id } });
    expect(tried).toMatchObject({ verifiedAt: null, verifyError: expect.any(String), status: 'completed' });
    expect(bench.worker.runtime.workloads.size).toBe(1);
    expect(bench.worker.runtime.volumes.items.size).toBe(1);
  });
});

function flip(): void {
  const [key, content] = [...store.objects][0] as [string, Buffer];
  const changed = Buffer.from(content);
  changed[changed.length - 3] = (changed.at(-3) as number) ^ 1;
  store.objects.set(key, changed);
}

const STEPS = ['archive.prove', 'backup.dump', 'temporary.start', 'temporary.load', 'temporary.stop', 'volume.switch'];
const UP_STEPS = ['database.image', 'database.start', 'database.ready', 'database.setup'];

describe('a restore in place', () => {
  let id: string;
  let container: string;
  let backup: string;

  beforeEach(async () => {
    ({ id, container } = await databaseWith(OLD));
    backup = (await bench.backup(id)).id;
    engine.set(container, NEW);
  });

  it('brings the data back, keeps the data of before and backs it up first', async () => {
    const { volumeId } = await bench.row(id);
    const restore = await bench.restore(id, backup);
    expect(restore).toMatchObject({ status: 'completed', error: null });
    expect(engine.of(container)).toBe(OLD);
    expect(engine.data.get(`containr-${volumeId}`)).toBe(NEW);
    const safety = await bench.db.backup.findUniqueOrThrow({ where: { id: restore.safetyId ?? '' } });
    expect(safety).toMatchObject({ status: 'completed', trigger: 'safety', dumpBytes: BigInt(NEW.length) });
    expect([...bench.worker.runtime.workloads.keys()]).toEqual([container]);
  });

  it.each([...STEPS, ...UP_STEPS])('that fails after %s leaves the old data, whole and serving', async (name) => {
    const before = await bench.row(id);
    const kind = bench.worker.registry.requireKind(name);
    const original = kind.do;
    kind.do = async (ctx, params) => {
      await original.call(kind, ctx, params);
      throw new Invalid('injected', 'injected');
    };
    const restore = await bench.restore(id, backup);
    kind.do = original;
    expect(restore).toMatchObject({ status: 'failed', errorCode: 'injected' });
    expect(await bench.row(id)).toMatchObject({ status: 'running', volumeId: before.volumeId });
    expect(engine.of(container)).toBe(NEW);
    expect([...bench.worker.runtime.workloads.keys()]).toEqual([container]);
    expect([...bench.worker.runtime.volumes.items.keys()]).toEqual([`containr-${before.volumeId}`]);
    const attached = await bench.db.databaseVolume.findMany({ where: { databaseId: id, detachedAt: null } });
    expect(attached.map((volume) => volume.id)).toEqual([before.volumeId]);
  });

  it.each([...STEPS, ...UP_STEPS])('whose worker dies after %s goes on and ends the same', async (name) => {
    const kind = bench.worker.registry.requireKind(name);
    const original = kind.do;
    kind.do = async (ctx, params) => {
      await original.call(kind, ctx, params);
      return original.call(kind, ctx, params);
    };
    expect(await bench.restore(id, backup)).toMatchObject({ status: 'completed', error: null });
    kind.do = original;
    expect(engine.of(container)).toBe(OLD);
    expect([...bench.worker.runtime.workloads.keys()]).toEqual([container]);
    expect(bench.worker.runtime.volumes.items.size).toBe(2);
  });

  it('refuses a damaged file before it touches anything', async () => {
    flip();
    const calls = bench.worker.runtime.calls.length;
    expect(await bench.restore(id, backup)).toMatchObject({ status: 'failed', errorCode: 'backup_damaged' });
    expect(bench.worker.runtime.calls.slice(calls)).toEqual([]);
  });

  it('goes without a backup of now when that is wished, or nothing runs', async () => {
    const wished = await bench.restore(id, backup, { without_safety_backup: true });
    expect(wished).toMatchObject({ status: 'completed', safetyId: null });
    await bench.databases.act(bench.caller, id, 'stop');
    await bench.worker.settle();
    expect(await bench.restore(id, backup)).toMatchObject({ status: 'completed', safetyId: null });
    expect(await bench.row(id)).toMatchObject({ status: 'running', desiredState: 'running' });
  });

  it('is refused while another one is under way', async () => {
    const wish = { backup_id: backup, without_safety_backup: false };
    const both = [1, 2].map(() => bench.restores.start(bench.caller, id, wish));
    const outcomes = await Promise.allSettled(both);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ code: 'restore_in_progress', status: 409 });
    await bench.worker.settle();
    expect(engine.of(container)).toBe(OLD);
  });

  it('is refused for another engine, a newer version, a failed backup and one that is not there', async () => {
    const start = (wish: object) =>
      bench.restores.start(bench.caller, id, { backup_id: backup, without_safety_backup: false, ...wish });
    await bench.db.backup.update({ where: { id: backup }, data: { engine: 'redis' } });
    await expect(start({})).rejects.toMatchObject({ code: 'engine_differs', status: 409 });
    await bench.db.backup.update({ where: { id: backup }, data: { engine: 'postgresql', version: '99.1' } });
    await expect(start({})).rejects.toMatchObject({ code: 'version_newer', status: 409 });
    await bench.db.backup.update({ where: { id: backup }, data: { version: '15.1', status: 'failed' } });
    await expect(start({})).rejects.toMatchObject({ code: 'backup_failed', status: 409 });
    await expect(start({ backup_id: 'nonsense' })).rejects.toMatchObject({ code: 'backup_not_found' });
    await expect(start({ backup_id: randomUUID() })).rejects.toMatchObject({ code: 'backup_not_found' });
    expect((await lastRun())?.workflow).toBe('database-backup');
  });

  it('takes a backup of another database of the same engine', async () => {
    const { id: other, container: into } = await databaseWith('else\n', 'postgresql', 'other');
    expect(await bench.restore(other, backup)).toMatchObject({ status: 'completed' });
    expect(engine.of(into)).toBe(OLD);
  });
});

describe('a restore into a new database', () => {
  it('leaves the first one as it is', async () => {
    const { id, container } = await databaseWith(OLD);
    const { id: backup } = await bench.backup(id);
    engine.set(container, NEW);
    const restore = await bench.restore(id, backup, { as: { name: 'copy' } });
    expect(restore).toMatchObject({ status: 'completed', mode: 'new', databaseId: restore.into });
    expect(engine.of(containerName(await bench.row(restore.into)))).toBe(OLD);
    expect(await bench.row(restore.into)).toMatchObject({ status: 'running', name: 'copy', plan: 'hobby' });
    expect(engine.of(container)).toBe(NEW);
  });

  it('says so at the new database when it fails', async () => {
    const { id } = await databaseWith(OLD);
    const { id: backup } = await bench.backup(id);
    engine.restoreExit = 1;
    const restore = await bench.restore(id, backup, { as: { name: 'copy' } });
    expect(restore).toMatchObject({ status: 'failed', errorCode: 'restore_failed' });
    expect(await bench.row(restore.into)).toMatchObject({ status: 'error', errorCode: 'restore_failed' });
    expect(await bench.row(id)).toMatchObject({ status: 'running' });
  });
});

describe('the backup before a deletion', () => {
  it('is made of what was there, and outlives the database', async () => {
    const { id } = await databaseWith(OLD);
    await bench.databases.remove(bench.caller, id, false);
    await bench.worker.settle();
    const [row] = await bench.db.backup.findMany({ where: { databaseId: id } });
    expect(row).toMatchObject({ trigger: 'final', status: 'completed', dumpBytes: BigInt(OLD.length) });
    expect((await bench.backups.list(bench.caller, id, { limit: 20 })).backups).toHaveLength(1);
    const { id: other, container } = await databaseWith('else\n', 'postgresql', 'other');
    expect(await bench.restore(other, row?.id ?? '')).toMatchObject({ status: 'completed' });
    expect(engine.of(container)).toBe(OLD);
  });

  it('does not keep a broken database from being deleted', async () => {
    const { id } = await databaseWith(OLD);
    engine.dumpExit = 1;
    await bench.databases.remove(bench.caller, id, false);
    await bench.worker.settle();
    expect(await bench.db.backup.findMany({ where: { databaseId: id } })).toMatchObject([
      { trigger: 'final', status: 'failed', errorCode: 'dump_failed' },
    ]);
    expect(bench.worker.runtime.workloads.size).toBe(0);
    expect((await lastRun())?.status).toBe('succeeded');
  });
});

describe('a schedule', () => {
  it('comes with each database, from its plan', async () => {
    const { id } = await databaseWith(OLD);
    const { id: never } = await databaseWith('', 'clickhouse', 'columns');
    await bench.worker.get(BackupSchedules).tick();
    const schedule = await bench.db.backupSchedule.findUniqueOrThrow({ where: { databaseId: id } });
    expect(schedule).toMatchObject({ enabled: true, keepDays: 1, keepCount: 1, nextRunAt: expect.any(Date) });
    expect(schedule.nextRunAt?.getTime()).toBeGreaterThan(Date.now());
    expect(await bench.db.backupSchedule.findUnique({ where: { databaseId: never } })).toMatchObject({
      enabled: false,
      nextRunAt: null,
    });
  });

  it('makes one backup of each due time, and proves it', async () => {
    const { id } = await databaseWith(OLD);
    const schedules = bench.worker.get(BackupSchedules);
    await schedules.tick();
    await bench.db.backupSchedule.update({
      where: { databaseId: id },
      data: { nextRunAt: new Date(Date.now() - 1000) },
    });
    await Promise.all([schedules.tick(), schedules.tick()]);
    await bench.worker.settle();
    const rows = await bench.db.backup.findMany({ where: { databaseId: id } });
    expect(rows).toMatchObject([{ trigger: 'schedule', status: 'completed', verifiedAt: expect.any(Date) }]);
  });

  it('waits for a stopped database', async () => {
    const { id } = await databaseWith(OLD);
    const schedules = bench.worker.get(BackupSchedules);
    await schedules.tick();
    await bench.databases.act(bench.caller, id, 'stop');
    await bench.worker.settle();
    await bench.db.backupSchedule.update({ where: { databaseId: id }, data: { nextRunAt: new Date(0) } });
    expect(await schedules.tick()).toBe(0);
    expect(await bench.db.backup.count()).toBe(0);
  });

  it('is checked before it is saved', async () => {
    const { id } = await databaseWith(OLD);
    const service = bench.worker.get(SchedulesService);
    const wish = {
      enabled: true,
      schedule: '0 4 * * *',
      time_zone: null,
      target_id: null,
      keep_count: 3,
      keep_days: 9,
      verify: false,
    };
    const saved = await service.save(bench.caller, id, wish);
    expect(saved).toMatchObject({ keep_count: 3, next_run_at: expect.stringContaining('T04:00:00.000Z') });
    expect(await service.get(bench.caller, id)).toEqual(saved);
    await expect(service.save(bench.caller, id, { ...wish, schedule: 'often' })).rejects.toMatchObject({
      code: 'schedule_invalid',
    });
    await expect(service.save(bench.caller, id, { ...wish, target_id: randomUUID() })).rejects.toMatchObject({
      code: 'unknown_backup_target',
    });
    const off = await service.save(bench.caller, id, { ...wish, enabled: false });
    expect(off).toMatchObject({ enabled: false, next_run_at: null });
  });
});

describe('retention', () => {
  const DAY = 86_400_000;

  async function aged(databaseId: string, trigger: string, days: number, status = 'completed'): Promise<string> {
    const { projectId } = await bench.row(databaseId);
    const id = randomUUID();
    const createdAt = new Date(Date.now() - days * DAY);
    const data = { id, projectId, databaseId, engine: 'postgresql', version: '15.18', trigger, status, createdAt };
    await bench.db.backup.create({ data });
    store.objects.set(`databases/${databaseId}/${id}/1`, Buffer.from('x'));
    return id;
  }

  it('keeps so many and so long, never lets the newest go, and what was asked for stays', async () => {
    const { id } = await databaseWith(OLD);
    await bench.worker.get(BackupSchedules).tick();
    await bench.db.backupSchedule.update({ where: { databaseId: id }, data: { keepCount: 2, keepDays: 5 } });
    const kept = [await aged(id, 'schedule', 1), await aged(id, 'manual', 400), await aged(id, 'upload', 400)];
    kept.push(await aged(id, 'schedule', 2), await aged(id, 'safety', 3), await aged(id, 'schedule', 0, 'failed'));
    await aged(id, 'schedule', 3); // the third
    await aged(id, 'schedule', 6);
    await aged(id, 'safety', 8);
    await aged(id, 'manual', 31, 'failed');
    expect(await bench.worker.get(BackupSweeper).round()).toMatchObject({ expired: 4, purged: 5 });
    const left = await bench.db.backup.findMany({ where: { deletedAt: null } });
    expect(left.map((row) => row.id).sort()).toEqual([...kept].sort());
    // What failed has no file to keep.
    expect([...store.objects.keys()].map((key) => key.split('/')[2]).sort()).toEqual(kept.slice(0, -1).sort());
  });

  it('lets the only one stay, however old', async () => {
    const { id } = await databaseWith(OLD);
    await bench.worker.get(BackupSchedules).tick();
    await aged(id, 'schedule', 900);
    expect(await bench.worker.get(BackupSweeper).round()).toMatchObject({ expired: 0, purged: 0 });
  });

  it('asks a target again that did not work', async () => {
    const { id } = await databaseWith(OLD);
    await aged(id, 'manual', 31, 'failed');
    store.missing = true;
    expect(await bench.worker.get(BackupSweeper).round()).toMatchObject({ expired: 1, purged: 0 });
    store.missing = false;
    expect(await bench.worker.get(BackupSweeper).round()).toMatchObject({ expired: 0, purged: 1 });
  });

  it('ends a backup that nobody works on any more', async () => {
    const { id } = await databaseWith(OLD);
    const left = await aged(id, 'manual', 1, 'in_progress');
    await bench.worker.get(BackupSweeper).round();
    expect(await bench.db.backup.findUniqueOrThrow({ where: { id: left } })).toMatchObject({
      status: 'failed',
      errorCode: 'interrupted',
    });
  });
});

describe('a target', () => {
  const wish = {
    name: 'offsite',
    endpoint: 'https://s3.example.com',
    region: 'us-east-1',
    bucket: 'backups',
    prefix: '',
    access_key_id: 'key',
    secret_access_key: 'a very secret key',
  };

  it('is written to before it is saved, takes backups, and is not removed under them', async () => {
    const targets = bench.worker.get(TargetsService);
    const bucket = bench.worker.stores.s3({ ...wish, accessKeyId: '', secretAccessKey: '' });
    bucket.missing = true;
    await expect(targets.create(bench.caller, wish)).rejects.toMatchObject({ code: 'object_store_missing' });
    expect(await bench.db.backupTarget.count()).toBe(0);
    bucket.missing = false;
    const target = await targets.create(bench.caller, wish);
    expect(JSON.stringify([target, await bench.db.backupTarget.findMany()])).not.toContain('very secret');
    await expect(targets.create(bench.caller, wish)).rejects.toMatchObject({ code: 'backup_target_name_taken' });
    const { id } = await databaseWith(OLD);
    const schedule = {
      enabled: true,
      schedule: '0 4 * * *',
      time_zone: null,
      keep_count: 3,
      keep_days: 9,
      verify: false,
    };
    await bench.worker.get(SchedulesService).save(bench.caller, id, { ...schedule, target_id: target.id });
    const row = await bench.backup(id);
    expect(row).toMatchObject({ status: 'completed', targetId: target.id });
    expect([...bucket.objects.keys()]).toEqual([row.objectKey]);
    expect(store.objects.size).toBe(0);
    expect(await bench.restore(id, row.id)).toMatchObject({ status: 'completed' });
    await expect(targets.remove(bench.caller, target.id)).rejects.toMatchObject({ code: 'backup_target_in_use' });
    const stranger = { userId: randomUUID(), isAdmin: true };
    await expect(targets.remove(stranger, target.id)).rejects.toMatchObject({ status: 404 });
    bucket.missing = true;
    await expect(targets.recheck(bench.caller, target.id)).rejects.toMatchObject({ code: 'object_store_missing' });
    expect((await targets.list(bench.caller)).targets).toMatchObject([{ check_error: expect.any(String) }]);
  });
});
