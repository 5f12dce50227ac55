// What is there at the end: asked of Docker, Caddy, PostgreSQL, the file system and the log of the load. The platform's API is not asked.
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

/** Answers per service: enough that a round robin reaches each of two replicas many times. */
const VISITS = 12;

const ROWS = {
  services:
    'SELECT id, name, slug, status, desired_state, live_deployment_id, replicas FROM services WHERE deleted_at IS NULL',
  projects: 'SELECT id FROM projects WHERE deleted_at IS NULL',
  deployments:
    'SELECT id, service_id, status, trigger, commit_hash, image_id, error, error_code, started_at, completed_at, created_at FROM deployments ORDER BY created_at',
  runs: 'SELECT id, workflow, subject_id, lock_key, status, attempt, lease_owner, lease_until, error, error_code, error_cause, created_at, started_at, finished_at FROM runs ORDER BY seq',
  steps:
    'SELECT run_id, position, kind, status, error, started_at, finished_at FROM run_steps ORDER BY run_id, position',
  images: 'SELECT service_id, content_key, image_id, tag FROM images',
  volumes: 'SELECT id FROM volumes WHERE purged_at IS NULL',
  executions: 'SELECT id, status FROM executions',
  strayLines:
    'SELECT DISTINCT subject_id AS id FROM log_lines WHERE subject_id NOT IN (SELECT id FROM deployments UNION SELECT id FROM builds)',
  advisoryLocks:
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
};

async function rowsOf(database) {
  const found = await Promise.all(Object.entries(ROWS).map(async ([name, sql]) => [name, await database.rows(sql)]));
  return Object.fromEntries(found);
}

async function engineThings(world) {
  const [containers, networks, volumes, images] = await Promise.all(
    ['containers', 'networks', 'volumes', 'images'].map((what) => world.things(what)),
  );
  return {
    containers: containers.map(({ Id, Names, State, Labels, NetworkSettings }) => ({
      id: Id,
      name: Names[0]?.slice(1) ?? '',
      state: State,
      service: Labels['containr.service'],
      deployment: Labels['containr.deployment'],
      addresses: Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress),
    })),
    networks: networks.map(({ Name, Labels }) => ({ name: Name, project: Labels['containr.project'] })),
    dockerVolumes: volumes.map(({ Name }) => Name),
    dockerImages: images.map(({ Id, RepoTags, Labels }) => ({
      id: Id,
      tags: RepoTags ?? [],
      commit: Labels['containr.commit'],
    })),
  };
}

const list = (dir) => (existsSync(dir) ? readdirSync(dir) : []);

/** Hosts that Caddy would find, and what each leads to; the names of the files are Caddy's input. */
function routesOf(dataDir) {
  const dir = path.join(dataDir, 'caddy/routes');
  const hosts = list(path.join(dir, 'hosts')).map((host) => ({
    host,
    service: path.basename(readlinkSync(path.join(dir, 'hosts', host))),
  }));
  const upstreams = (service) =>
    (list(path.join(dir, 'services', service)).sort()[0] ?? '')
      .split('_')[1]
      ?.split(',')
      .filter((one) => one !== 'none') ?? [];
  const folders = list(path.join(dir, 'services'));
  return {
    hosts: hosts.map((one) => ({ ...one, upstreams: upstreams(one.service) })),
    folders,
    drafts: list(dir).filter((name) => name.startsWith('.link-')),
  };
}

function visit(port, host) {
  return new Promise((resolve) => {
    const request = http.get(
      { host: '127.0.0.1', port, headers: { host }, agent: false, timeout: 10_000 },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode, text }));
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', (error) => resolve({ status: 0, text: String(error) }));
  });
}

async function answersOf(world, services) {
  const answers = [];
  for (const { id, host } of services)
    for (let turn = 0; turn < VISITS; turn++) answers.push({ service: id, ...(await visit(world.httpPort, host)) });
  return answers;
}

/** Failures and wrong answers one by one, the rest counted. @param {import('./load.mjs').Load} load @param {{ id: string }[]} services */
async function trafficOf(load, services) {
  const traffic = { total: 0, slowest: 0, failed: [], strangers: [], answered: {} };
  for await (const { service, start, end, status, text } of load.requests()) {
    const { id } = services[service];
    traffic.total++;
    traffic.slowest = Math.max(traffic.slowest, end - start);
    if (status !== 200) traffic.failed.push({ service: id, start, end, status, text });
    else noteAnswer(traffic, id, { start, end, text });
  }
  return traffic;
}

function noteAnswer(traffic, id, { start, end, text }) {
  const who = JSON.parse(text);
  if (who.service !== id) traffic.strangers.push({ service: id, start, end, text });
  traffic.answered[who.deployment] = (traffic.answered[who.deployment] ?? 0) + 1;
}

const lockFiles = (dir) =>
  list(dir).flatMap((repository) =>
    readdirSync(path.join(dir, repository), { recursive: true })
      .filter((name) => name.endsWith('.lock'))
      .map((name) => path.join(repository, name)),
  );

/**
 * @param {{ world: import('./world.mjs').World, load: import('./load.mjs').Load, services: { id: string, host: string }[] }} options
 * @returns {Promise<import('./verdict.mjs').Facts>} without what only the attackers know: asks, versions, faults
 */
export async function factsOf({ world, load, services }) {
  const answers = await answersOf(world, services);
  return {
    answers,
    traffic: await trafficOf(load, services),
    routes: routesOf(world.dataDir),
    lockFiles: lockFiles(world.sourcesDir),
    ...(await engineThings(world)),
    ...(await rowsOf(world.database)),
  };
}
