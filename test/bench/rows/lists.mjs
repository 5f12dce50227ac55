// Long lists: any page at any depth, every filter. Measured at the API, so HTTP and JSON are in the times. CONTAINR_BENCH_SCALE (0 to 1)
// shortens the lists.
import { cursorOf } from '#platform/keyset.js';
import { alternate } from '../lib/alternate.mjs';
import { writeAudit } from '../lib/audit-history.mjs';
import { copyServices, writeHistory } from '../lib/history.mjs';
import { boundLine, median, ratioLine } from '../lib/pairs.mjs';
import { oneByOne } from '../lib/requests.mjs';

/** Shortens the lists: 0 to 1. */
const SCALE = Number(process.env.CONTAINR_BENCH_SCALE ?? 1);
const ROWS = 1_000_000 * SCALE;
/** Of the list that is paged through; the rest is spread over the other services. */
const LONGEST = ROWS / 2;
const OTHERS = 100;
const LIMIT = 25;
const REQUESTS = 40;
const ENTRIES = 10_000_000 * SCALE;
const depths = (rows) => [rows / 500, rows / 50, rows / 5, rows * 0.8, rows - LIMIT - 1].map(Math.floor);
/** What the list of deployments offers; `building` matches nothing here. */
const FILTERS = ['status=failed', 'status=cancelled', 'status=building'];
/** What the audit log offers; the last of each matches nothing, `user_id` one entry of 2000. */
const AUDIT_FILTERS = ['resource=service', 'action=deploy', 'resource=service&action=deploy', 'resource=nothing'];

async function deployments(world, project, say) {
  const service = await world.service(project, { name: 'long', source: { type: 'git' } });
  const others = await copyServices(world, service, OTHERS);
  await writeHistory(world, [service.id], LONGEST, { say });
  await writeHistory(world, others, (ROWS - LONGEST) / OTHERS, { say });
  return {
    table: 'deployments',
    path: `/api/v1/services/${service.id}/deployments`,
    filters: FILTERS,
    deep: await cursors(world, service),
  };
}

/** The newest 10,000,000 of the owner's own chain: a cursor there is the number of the entry before. */
async function audit(world, project, say) {
  const last = await writeAudit(world, { tenant: project.owner_id, project: project.id, say }, ENTRIES);
  const ofProject = AUDIT_FILTERS.slice(0, 1).map((filter) => `project_id=${project.id}&${filter}`);
  return {
    table: 'audit_logs',
    path: '/api/v1/audit-logs',
    filters: [...AUDIT_FILTERS, `user_id=${project.owner_id}`, `project_id=${project.id}`, ...ofProject],
    deep: depths(ENTRIES).map((depth) => Buffer.from(String(last - depth)).toString('base64url')),
  };
}

/** Cursors of pages at every depth. */
async function cursors(world, service) {
  const found = [];
  for (const depth of depths(LONGEST)) {
    const sql =
      'SELECT id, created_at FROM deployments WHERE service_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT 1';
    const [row] = await world.query(sql, [service.id, depth]);
    found.push(cursorOf({ id: row.id, createdAt: row.created_at }));
  }
  return found;
}

/** Scans of the whole table so far, of sessions that have reported: each does at most a second after its query. */
async function wholeScans(world, table) {
  const [row] = await world.query('SELECT seq_scan FROM pg_stat_user_tables WHERE relname = $1', [table]);
  return Number(row.seq_scan);
}

/** Median of some requests in a row. @param {(index: number) => string} queryOf */
function reader(world, { path }, queryOf) {
  const target = (index) => ({
    port: world.apiPort,
    path: `${path}?limit=${LIMIT}${queryOf(index)}`,
    token: world.api.token,
  });
  return async () => median(await oneByOne(target, REQUESTS));
}

/** Which project it is would be longer than the line. */
const labelOf = (filter) => filter.replace(/(project_id|user_id)=[0-9a-f-]+/, '$1');

function kindsOf({ table, filters, deep }) {
  const at = (index) => `&cursor=${deep[index % deep.length]}`;
  return [
    { label: `${table}: pages at any depth`, queryOf: at },
    ...filters.flatMap((filter) => [
      { label: `${table}, ${labelOf(filter)}: page 1`, queryOf: () => `&${filter}` },
      { label: `${table}, ${labelOf(filter)}: any depth`, queryOf: (index) => `&${filter}${at(index)}` },
    ]),
  ];
}

async function measured(world, list, { pairs, signal, say }) {
  const floor = reader(world, list, () => '');
  const before = await wholeScans(world, list.table);
  const lines = [];
  for (const { label, queryOf } of kindsOf(list)) {
    const taken = await alternate({ pairs, signal, floor, ours: reader(world, list, queryOf) });
    lines.push(
      ratioLine({ label, unit: 'ms', ...taken, atMost: 1.5 }),
      boundLine({ label, unit: 'ms', ours: taken.ours, atMost: 5 }),
    );
    say(`${label}: ${median(taken.ours).toFixed(2)} ms against ${median(taken.floor).toFixed(2)} ms`);
  }
  const scans = (await wholeScans(world, list.table)) - before;
  return [...lines, boundLine({ label: `scans of all ${list.table}`, unit: 'scans', ours: [scans], atMost: 0 })];
}

export default {
  name: 'lists',
  what: `deployments, ${ROWS.toLocaleString('en')} rows, audit, ${ENTRIES.toLocaleString('en')}; floor: page 1 without a filter`,

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const world = await start();
    const project = await world.project();
    const lines = [];
    for (const make of [deployments, audit])
      lines.push(...(await measured(world, await make(world, project, say), { pairs, signal, say })));
    return lines;
  },
};
