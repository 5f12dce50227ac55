// Long lists: any page at any depth, every filter. Measured at the API, so HTTP and JSON are in the times. CONTAINR_BENCH_SCALE (0 to 1)
// shortens the lists.
import { cursorOf } from '#platform/keyset.js';
import { alternate } from '../lib/alternate.mjs';
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
const DEPTHS = [LONGEST / 500, LONGEST / 50, LONGEST / 5, LONGEST * 0.8, LONGEST - LIMIT - 1].map(Math.floor);
/** What the list of deployments offers; `building` matches nothing here. */
const FILTERS = ['status=failed', 'status=cancelled', 'status=building'];

async function content(world, say) {
  const service = await world.service(await world.project(), { name: 'long', source: { type: 'git' } });
  const others = await copyServices(world, service, OTHERS);
  await writeHistory(world, [service.id], LONGEST, { say });
  await writeHistory(world, others, (ROWS - LONGEST) / OTHERS, { say });
  return service;
}

/** Cursors of pages at every depth. */
async function cursors(world, service) {
  const found = [];
  for (const depth of DEPTHS) {
    const sql =
      'SELECT id, created_at FROM deployments WHERE service_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT 1';
    const [row] = await world.query(sql, [service.id, depth]);
    found.push(cursorOf({ id: row.id, createdAt: row.created_at }));
  }
  return found;
}

/** Scans of the whole table so far, of sessions that have reported: each does at most a second after its query. */
async function wholeScans(world) {
  const [row] = await world.query("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'deployments'");
  return Number(row.seq_scan);
}

/** Median of some requests in a row. @param {(index: number) => string} queryOf */
function reader(world, service, queryOf) {
  const path = (index) => `/api/v1/services/${service.id}/deployments?limit=${LIMIT}${queryOf(index)}`;
  return async () =>
    median(await oneByOne((index) => ({ port: world.apiPort, path: path(index), token: world.api.token }), REQUESTS));
}

export default {
  name: 'lists',
  what: `deployments, ${ROWS.toLocaleString('en')} rows; floor: page 1 without a filter`,

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const world = await start();
    const service = await content(world, say);
    const deep = await cursors(world, service);
    const at = (index) => `&cursor=${deep[index % deep.length]}`;
    const kinds = [
      { label: 'pages at any depth', queryOf: at },
      ...FILTERS.map((filter) => ({ label: `${filter}, page 1`, queryOf: () => `&${filter}` })),
      ...FILTERS.map((filter) => ({ label: `${filter}, any depth`, queryOf: (index) => `&${filter}${at(index)}` })),
    ];
    const floor = reader(world, service, () => '');
    const before = await wholeScans(world);
    const lines = [];
    for (const { label, queryOf } of kinds) {
      const taken = await alternate({ pairs, signal, floor, ours: reader(world, service, queryOf) });
      lines.push(
        ratioLine({ label, unit: 'ms', ...taken, atMost: 1.5 }),
        boundLine({ label, unit: 'ms', ours: taken.ours, atMost: 5 }),
      );
      say(`${label}: ${median(taken.ours).toFixed(2)} ms against ${median(taken.floor).toFixed(2)} ms`);
    }
    const scans = (await wholeScans(world)) - before;
    lines.push(boundLine({ label: 'scans of the whole table', unit: 'scans', ours: [scans], atMost: 0 }));
    return { lines, skipped: 'audit, 10,000,000 rows: the API has no list of audit entries yet' };
  },
};
