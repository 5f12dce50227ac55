// A long audit log: entries of one chain as the platform leaves them, written by SQL. Their hashes are not those of a chain; nothing here verifies it.
import { withClient } from '../../../deploy/setup/lib/postgres.mjs';

const CHUNK = 250_000;
const RESOURCES = ['service', 'deployment', 'variables', 'project', 'domain'];
const ACTIONS = ['create', 'update', 'delete', 'deploy'];

const INSERT = `
  INSERT INTO audit_logs (tenant_id, seq, id, user_id, user_email, project_id, resource, resource_id, action, details, ip_address,
    user_agent, created_at, hash)
  SELECT $1::uuid, n, gen_random_uuid(), CASE WHEN n % 2000 = 0 THEN gen_random_uuid() ELSE $1::uuid END, 'bench@example.test', $2::uuid,
    ($5::text[])[1 + n % 5], md5((n % 1000)::text)::uuid::text, ($6::text[])[1 + (n / 5) % 4],
    '{"after":{"name":"service number ' || n || '"}}', '127.0.0.1', 'bench', now() - make_interval(secs => ($4::int - n)), sha256(n::text::bytea)
  FROM generate_series($3::int, $4::int) AS n`;

/** Indexes that are no constraint, for as long as `work` lasts: filling a table first and building them then takes a fifth of the time. */
async function withoutIndexes(client, table, work) {
  const { rows } = await client.query(
    `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = $1
       AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE conrelid = $1::text::regclass)`,
    [table],
  );
  for (const { indexname } of rows) await client.query(`DROP INDEX "${indexname}"`);
  await work();
  await client.query("SET maintenance_work_mem = '512MB'");
  for (const { indexdef } of rows) await client.query(indexdef);
}

/**
 * Beyond what the chain holds already, which then ends there.
 * @param {import('./world.mjs').World} world @param {{ tenant: string, project: string, say: (text: string) => void }} of
 * @param {number} count @returns {Promise<number>} the newest `seq`
 */
export async function writeAudit(world, { tenant, project, say }, count) {
  return withClient(world.databaseUrl, async (client) => {
    await client.query('SET synchronous_commit = off');
    const { rows } = await client.query('SELECT seq FROM audit_chains WHERE tenant_id = $1', [tenant]);
    const first = Number(rows[0]?.seq ?? 0) + 1;
    const last = first + count - 1;
    await withoutIndexes(client, 'audit_logs', async () => {
      for (let from = first; from <= last; from += CHUNK) {
        world.signal.throwIfAborted();
        const to = Math.min(last, from + CHUNK - 1);
        await client.query(INSERT, [tenant, project, from, to, RESOURCES, ACTIONS]);
        say(`${to} audit entries written`);
      }
    });
    await client.query('UPDATE audit_chains SET seq = $2 WHERE tenant_id = $1', [tenant, last]);
    await client.query('VACUUM ANALYZE audit_logs');
    return last;
  });
}
