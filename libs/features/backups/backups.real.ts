/** Backups of real engines in real containers, in a real folder: what was there is there again, whatever happened in between. */
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { EngineCommand } from '#drivers/engines/index.js';
import { RealObjectStores } from '#drivers/object-store/stores.js';
import { DockerRuntime } from '#drivers/runtime/docker/docker-runtime.js';
import { volumeName } from '#features/services/index.js';
import { EgressGuard } from '#platform/egress.js';
import { BackupBench } from './testing/backup-bench.js';

jest.setTimeout(600_000);

let bench: BackupBench;
let runtime: DockerRuntime;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'containr-backups-'));
  runtime = new DockerRuntime();
  const guard = new EgressGuard({ allow: [], deny: [] });
  const stores = new RealObjectStores({ folder, make: true }, guard);
  bench = await BackupBench.open({}, { runtime, stores });
});
afterAll(async () => {
  await bench?.close();
  runtime.close();
  await rm(folder, { recursive: true, force: true });
});

const ROWS = 10_000;
const psql = (text: string): EngineCommand => ({
  argv: ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', 'app', '-d', 'app'],
  stdin: text,
});
const mysql = (text: string, root: string): EngineCommand => ({
  argv: ['mariadb', '-h', '127.0.0.1', '-u', 'root', '-N', '-B', 'app'],
  env: { MYSQL_PWD: root },
  stdin: text,
});
const redis = (text: string, root: string): EngineCommand => ({
  argv: ['redis-cli', '--user', 'containr'],
  env: { REDISCLI_AUTH: root },
  stdin: text,
});

interface Words {
  write: string;
  count: string;
  corrupt: string;
  say: (text: string, root: string) => EngineCommand;
}

const ENGINES: Record<string, Words> = {
  postgresql: {
    write: `CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE TABLE "t ""1" (id int PRIMARY KEY, v text, b bytea);
      INSERT INTO "t ""1" SELECT n, repeat(md5(n::text), 3) || E'\\n"quoted'' \\\\', decode(md5(n::text), 'hex') FROM generate_series(1, ${ROWS}) n;
      CREATE SEQUENCE s; SELECT setval('s', 42); CREATE ROLE extra LOGIN PASSWORD 'x y''z'; CREATE DATABASE other;`,
    count: 'SELECT count(*) FROM "t ""1"',
    corrupt: 'DELETE FROM "t ""1" WHERE id % 2 = 0; CREATE TABLE later (x int);',
    say: psql,
  },
  mariadb: {
    write: `CREATE TABLE \`t 1\` (id int PRIMARY KEY, v text, b blob);
      INSERT INTO \`t 1\` SELECT seq, CONCAT(REPEAT(MD5(seq), 3), '\\n"quoted'' \\\\'), UNHEX(MD5(seq)) FROM seq_1_to_${ROWS};
      CREATE USER extra@'%' IDENTIFIED BY 'x y''z'; CREATE DATABASE other;`,
    count: 'SELECT COUNT(*) FROM `t 1`',
    corrupt: 'DELETE FROM `t 1` WHERE id % 2 = 0; CREATE TABLE later (x int);',
    say: mysql,
  },
  redis: {
    write: `EVAL "for i = 1, ${ROWS} do redis.call('SET', 'k' .. i, 'v' .. i) end" 0`,
    count: 'DBSIZE',
    corrupt: 'DEL k1 k2 k3\nSET later 1',
    say: redis,
  },
};

describe.each(Object.entries(ENGINES))('%s', (type, { write, count, corrupt, say }) => {
  let id: string;
  let backupId: string;
  const tell = (text: string, database = id) => bench.tell(database, (_engine, root) => say(text, root));

  beforeAll(async () => {
    id = await bench.database(type, `${type} 1`);
    await tell(write);
  });

  it('is backed up, with what was in it', async () => {
    const row = await bench.backup(id);
    expect(row).toMatchObject({ status: 'completed', error: null });
    backupId = row.id;
    const facts = row.facts as { tables: { rows: number }[]; changed: string[] };
    expect(facts.changed).toEqual([]);
    expect(facts.tables.some(({ rows }) => rows === ROWS)).toBe(true);
    expect(Number(row.dumpBytes)).toBeGreaterThan(ROWS);
    const files = await readdir(path.join(folder, 'databases', id, backupId));
    expect(files).toHaveLength(1);
  });

  it('is proven by a restore into a throw-away database', async () => {
    const before = await volumes();
    await bench.backups.verify(bench.caller, id, backupId);
    await bench.worker.settle();
    expect(await bench.db.backup.findUniqueOrThrow({ where: { id: backupId } })).toMatchObject({
      verifyError: null,
      verifiedAt: expect.any(Date),
    });
    expect(await volumes()).toEqual(before);
  });

  it('comes back in place, and the data of before is kept', async () => {
    const { volumeId } = await bench.row(id);
    await tell(corrupt);
    const restore = await bench.restore(id, backupId);
    expect(restore).toMatchObject({ status: 'completed', error: null, mode: 'in_place' });
    expect(await tell(count)).toBe(String(ROWS));
    const row = await bench.row(id);
    expect(row.status).toBe('running');
    expect(row.volumeId).not.toBe(volumeId);
    const old = await bench.db.databaseVolume.findUniqueOrThrow({ where: { id: volumeId } });
    expect(old).toMatchObject({ detachedAt: expect.any(Date), purgedAt: null });
    expect(await volumes()).toContain(volumeName(volumeId));
    const safety = await bench.db.backup.findUniqueOrThrow({ where: { id: restore.safetyId ?? '' } });
    expect(safety).toMatchObject({ status: 'completed', trigger: 'safety' });
  });

  it('takes new data after the restore, and after a restart', async () => {
    if (type !== 'redis') await tell('CREATE TABLE after1 (x int)');
    await bench.databases.act(bench.caller, id, 'restart');
    await bench.worker.settle();
    expect((await bench.row(id)).status).toBe('running');
    expect(await tell(count)).toBe(String(ROWS));
  });

  it('goes into a new database', async () => {
    const restore = await bench.restore(id, backupId, { as: { name: `${type} 2` } });
    expect(restore).toMatchObject({ status: 'completed', error: null, mode: 'new' });
    expect(await tell(count, restore.into)).toBe(String(ROWS));
    expect((await bench.row(restore.into)).status).toBe('running');
    await bench.databases.remove(bench.caller, restore.into, true);
    await bench.worker.settle();
  });

  it('is not restored from a file with one flipped bit, and nothing is touched', async () => {
    const row = await bench.db.backup.findUniqueOrThrow({ where: { id: backupId } });
    const file = await open(path.join(folder, row.objectKey ?? ''), 'r+');
    const place = Number(row.storedBytes) - 20;
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, place);
    byte[0] = (byte[0] as number) ^ 4;
    await file.write(byte, 0, 1, place);
    await file.close();
    const before = await bench.row(id);
    const started = (await runtime.find(`${before.alias}-${id.slice(-12)}`, { installation: await installation() }))
      ?.startedAt;
    expect(await bench.restore(id, backupId)).toMatchObject({ status: 'failed', errorCode: 'backup_damaged' });
    const after = await bench.row(id);
    expect(after).toMatchObject({ status: 'running', volumeId: before.volumeId });
    const still = await runtime.find(`${before.alias}-${id.slice(-12)}`, { installation: await installation() });
    expect(still?.startedAt).toBe(started);
    expect(await tell(count)).toBe(String(ROWS));
  });
});

async function installation(): Promise<string> {
  return (await bench.db.installation.findUniqueOrThrow({ where: { id: 1 } })).installationId;
}

async function volumes(): Promise<string[]> {
  const found = await runtime.volumes.observe({ installation: await installation() });
  return found.map(({ name }) => name).sort();
}
