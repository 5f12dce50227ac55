// A large installation: what a round of the reconciler and the dashboard's list cost with much history, and with many changes.
// CONTAINR_BENCH_SCALE (0 to 1) shortens the history.
import 'reflect-metadata';
import { Reconciler } from '#features/releases/reconciler.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { migrate } from '../../../deploy/setup/lib/apps.mjs';
import { withClient } from '../../../deploy/setup/lib/postgres.mjs';
import { alternate } from '../lib/alternate.mjs';
import { copyServices, writeHistory } from '../lib/history.mjs';
import { boundLine, median, ratioLine } from '../lib/pairs.mjs';
import { rssMb } from '../lib/process.mjs';
import { oneByOne } from '../lib/requests.mjs';

const SERVICES = 1000;
const HISTORY = 2000;
const LISTED = 100;
const FEW = 10;
const MANY = 100;
const REQUESTS = 10;
const CONFIG = { CONTAINR_BASE_DOMAIN: 'bench.localhost' };

/** A database beside the platform's, with the same projects and services but no worker and no history. */
async function shortHistory(world) {
  const name = 'bench_short';
  await withClient(world.platform.maintenanceUrl, (client) => client.query(`CREATE DATABASE ${name}`));
  const url = new URL(world.databaseUrl);
  url.pathname = `/${name}`;
  await migrate(url.href);
  const tables = ['users', 'projects', 'services'];
  for (const table of tables) {
    const [{ rows }] = await world.query(`SELECT coalesce(json_agg(t), '[]') AS rows FROM ${table} t`);
    const insert = `INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`;
    await withClient(url.href, (client) => client.query(insert, [JSON.stringify(rows)]));
  }
  return { databaseUrl: url.href, signal: world.signal };
}

/** The reconciler on one database. The engine and the ingress are left out: what they show grows with containers, not with history. */
function reconcilerOn(databaseUrl) {
  const db = new PrismaService({ DATABASE_URL: databaseUrl });
  const nothing = async () => [];
  const runtime = { observe: nothing, networks: { observe: nothing } };
  const installation = { id: async () => 'bench' };
  const round = new Reconciler(db, runtime, { observe: nothing }, installation, { nudge: () => undefined }, CONFIG);
  return { db, round: () => round.round(true) };
}

async function timed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** One round with so many services that should run and do not. @returns {Promise<number>} ms for each */
async function changed({ db, round }, count) {
  await db.$executeRaw`UPDATE services SET desired_state = 'stopped'`;
  await db.$executeRaw`UPDATE services SET desired_state = 'running' WHERE id IN (SELECT id FROM services WHERE live_deployment_id IS NOT NULL LIMIT ${count})`;
  const ms = await timed(async () => {
    const { healed } = await round();
    if (healed.length !== count) throw new Error(`${healed.length} services were healed instead of ${count}`);
  });
  await db.$executeRaw`DELETE FROM runs`;
  return ms / count;
}

async function content(world, say) {
  const each = Math.max(2, Math.round(HISTORY * Number(process.env.CONTAINR_BENCH_SCALE ?? 1)));
  const projects = [];
  for (const name of ['old', 'new']) {
    const project = await world.project(name);
    const first = await world.service(project, { name, type: 'worker', source: { type: 'git' } });
    const listed = [first.id, ...(await copyServices(world, first, LISTED - 1))];
    projects.push({ path: `/api/v1/projects/${project.id}/services`, listed });
  }
  const rest = await world.service(await world.project('rest'), {
    name: 'rest',
    type: 'worker',
    source: { type: 'git' },
  });
  const others = await copyServices(world, rest, SERVICES - LISTED - 1);
  await world.query("UPDATE services SET desired_state = 'stopped'");
  const short = await shortHistory(world);
  const old = [...projects[0].listed, rest.id, ...others];
  await writeHistory(world, old, each, { runs: true, say });
  for (const database of [world, short]) await live(database, old);
  return { projects, short };
}

/** Gives each service one deployment, as the live one. */
async function live({ databaseUrl }, services) {
  await withClient(databaseUrl, async (client) => {
    await client.query(
      `INSERT INTO deployments (id, service_id, status, trigger, config, created_at, updated_at)
       SELECT gen_random_uuid(), id, 'running', 'push', 'none', now(), now() FROM unnest($1::uuid[]) AS id`,
      [services],
    );
    await client.query(
      `UPDATE services s SET live_deployment_id = d.id FROM deployments d WHERE d.service_id = s.id AND d.status = 'running'`,
    );
    await client.query('VACUUM ANALYZE');
  });
}

export default {
  name: 'scale',
  what: `${SERVICES} services with ${HISTORY} deployments each; floor: the same without the history`,

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const world = await start();
    const { projects, short } = await content(world, say);
    const [long, brief] = [reconcilerOn(world.databaseUrl), reconcilerOn(short.databaseUrl)];
    const list = (path) => async () =>
      median(await oneByOne(() => ({ port: world.apiPort, path, token: world.api.token }), REQUESTS));
    try {
      await brief.db.$executeRaw`UPDATE services SET desired_state = 'stopped'`;
      const options = { pairs, warmup: 2, signal };
      const rounds = await alternate({ ...options, floor: () => timed(brief.round), ours: () => timed(long.round) });
      const perChange = await alternate({
        ...options,
        floor: () => changed(brief, FEW),
        ours: () => changed(brief, MANY),
      });
      const lists = await alternate({ ...options, floor: list(projects[1].path), ours: list(projects[0].path) });
      return [
        ratioLine({ label: 'reconcile round, nothing changed', unit: 'ms', ...rounds, atMost: 1.3 }),
        ratioLine({ label: `round, per change: ${MANY} against ${FEW} changes`, unit: 'ms', ...perChange, atMost: 1 }),
        ratioLine({ label: `list of ${LISTED} services`, unit: 'ms', ...lists, atMost: 1.3 }),
        ...['api', 'worker'].map((part) =>
          boundLine({ label: `${part}: RSS`, unit: 'MB', ours: [rssMb(world.pid(part))], atMost: 130 }),
        ),
      ];
    } finally {
      await Promise.all([long, brief].map(({ db }) => db.$disconnect()));
    }
  },
};
