// A long history without deploying: rows as the platform leaves them, written by SQL.
import { withClient } from '../../../deploy/setup/lib/postgres.mjs';

const CHUNK = 100_000;

/** Statuses of what is over, so that neither the worker nor the one-running index minds. */
const INSERT = `
  INSERT INTO deployments (id, service_id, status, trigger, branch, commit_hash, commit_message, config, created_at, updated_at)
  SELECT gen_random_uuid(), s.id, (ARRAY['superseded', 'superseded', 'failed', 'cancelled'])[1 + n % 4], 'push', 'main', md5(n::text),
    'Change number ' || n, repeat(md5(n::text), 8), now() - make_interval(secs => n * 30 + random() * 30), now()
  FROM unnest($1::uuid[]) WITH ORDINALITY AS s(id, place), generate_series($2::int, $3::int) AS n`;

/** One finished run with its lock for each deployment that has none. */
const RUNS = `
  INSERT INTO runs (id, workflow, subject_id, lock_key, status, attempt, created_at, started_at, finished_at)
  SELECT gen_random_uuid(), 'deployment', d.id, 'service:' || d.service_id, 'succeeded', 1, d.created_at, d.created_at, d.created_at
  FROM deployments d WHERE d.service_id = ANY($1::uuid[])`;

/**
 * @param {import('./world.mjs').World} world @param {string[]} services ids @param {number} each deployments per service
 * @param {{ runs?: boolean, say: (text: string) => void }} options
 */
export async function writeHistory(world, services, each, { runs = false, say }) {
  await withClient(world.databaseUrl, async (client) => {
    await client.query('SET synchronous_commit = off');
    const step = Math.max(1, Math.floor(CHUNK / services.length));
    for (let from = 1; from <= each; from += step) {
      world.signal.throwIfAborted();
      await client.query(INSERT, [services, from, Math.min(each, from + step - 1)]);
      say(`${Math.min(each, from + step - 1) * services.length} deployments written`);
    }
    for (let at = 0; runs && at < services.length; at += 50) await client.query(RUNS, [services.slice(at, at + 50)]);
    await client.query('VACUUM ANALYZE');
  });
}

/** Many services by SQL, copies of one that the API made. @returns {Promise<string[]>} their ids */
export async function copyServices(world, service, count) {
  const rows = await world.query(
    `INSERT INTO services (id, project_id, name, type, desired_state, slug, alias, source, build_config, resources, created_at, updated_at)
     SELECT gen_random_uuid(), s.project_id, 'copy ' || n, s.type, s.desired_state, s.slug || '-' || n, s.alias || '-' || n, s.source,
       s.build_config, s.resources, now(), now()
     FROM services s, generate_series(1, $2::int) AS n WHERE s.id = $1 RETURNING id`,
    [service.id, count],
  );
  return rows.map(({ id }) => id);
}
