// What can break. Each fault does it, waits until it is over as far as the fault itself goes, and says what it did and what that excuses.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, procOf, signalProc, stopProc } from '../../deploy/setup/lib/processes.mjs';
import { until } from '../../deploy/setup/lib/wait.mjs';
import { fillDisk } from './disk.mjs';

/**
 * @typedef {object} Done
 * @property {string} what in words
 * @property {Outage[]} [outages] seconds in which the very process that served was dead
 * @property {string[]} [deployments] only deployments that this hit may blame it; absent: any that ran meanwhile
 * @typedef {{ services: string[] | null, from: number, until: number }} Outage services null: all; ms since 1970
 * @typedef {Done & { kind: string, from: number, until: number }} Fault
 * @typedef {{ world: import('./world.mjs').World, chance: number, hangMs: number }} Scene
 */

/** "Within that second." */
const SECOND = 1000;
const HOUR = 3_600_000;
const JUMP_LASTS_MS = 8000;
const FULL_LASTS_MS = 8000;
const BACK_WITHIN_MS = 60_000;

const pick = (from, chance) => from[Math.min(from.length - 1, Math.floor(chance * from.length))];

const listens = (port) =>
  new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

async function killOne(role, { world, chance }) {
  const pid = pick(world.crew.pids(role), chance);
  const proc = pid && procOf(pid);
  if (proc) signalProc(proc, 'SIGKILL');
  return { what: `${role} ${pid}` };
}

async function killCaddy({ world }) {
  const from = Date.now();
  const now = () => world.platform.supervisor.processes().caddy;
  const proc = now();
  signalProc(proc, 'SIGKILL');
  // A process that is just dying may still accept: only its successor counts.
  const succeeded = () => isAlive(now()) && now().pid !== proc.pid;
  await until(async () => succeeded() && (await listens(world.httpPort)), {
    what: 'Caddy to be back',
    within: BACK_WITHIN_MS,
    every: 10,
  });
  const outage = { services: null, from, until: Math.max(Date.now(), from + SECOND) };
  return { what: `back after ${Date.now() - from} ms`, outages: [outage] };
}

/** A release container that runs now; null when there is none. */
async function victim({ world, chance }) {
  const all = (await world.things('containers')).filter(
    ({ Labels, State }) => Labels['containr.role'] === 'release' && State === 'running',
  );
  return (
    pick(
      all.sort((a, b) => (a.Names[0] < b.Names[0] ? -1 : 1)),
      chance,
    ) ?? null
  );
}

async function hitContainer(scene, hit) {
  const found = await victim(scene);
  if (!found) return { what: 'no container ran', deployments: [] };
  const from = Date.now();
  await hit(found);
  const { 'containr.service': service, 'containr.deployment': deployment } = found.Labels;
  const back = await servedAgain(scene.world, service, found.Id, from);
  const outage = { services: [service], from, until: Math.max(back, from + SECOND) };
  return { what: found.Names[0].slice(1), outages: [outage], deployments: [deployment] };
}

/** When the service had a container again, as Docker tells it: at once while another replica runs; plus a second when it was the last one. */
async function servedAgain(world, service, victimId, from) {
  const own = async () =>
    (await world.things('containers')).filter(
      ({ Labels, State }) => Labels['containr.service'] === service && State === 'running',
    );
  if ((await own()).some(({ Id }) => Id !== victimId)) return Date.now();
  const running = async () => {
    const found = await Promise.all((await own()).map(({ Id }) => world.engine.call('GET', `/containers/${Id}/json`)));
    return found.some((one) => one?.State.Running && Date.parse(one.State.StartedAt) > from);
  };
  await until(running, { what: 'a container to run again', within: BACK_WITHIN_MS, every: 50 }).catch(() => {}); // the verdict tells
  return Date.now() + SECOND;
}

/** On an engine of ours the process itself; else through the engine, which then does not start it again by itself. */
async function killContainer(world, { Id }) {
  if (!world.isPrivate) return await world.engine.call('POST', `/containers/${Id}/kill`).catch(() => {}); // it may have ended by itself
  const { State } = (await world.engine.call('GET', `/containers/${Id}/json`)) ?? {};
  const proc = State?.Pid ? procOf(State.Pid) : null;
  if (proc) signalProc(proc, 'SIGKILL');
}

async function restartServer(name, signal, { world }) {
  await stopProc(world.servers.supervisor.processes()[name], { signal, within: 15_000 });
  return { what: signal };
}

async function restartPostgres(scene) {
  const done = await restartServer('postgres', scene.chance < 0.6 ? 'SIGINT' : 'SIGKILL', scene);
  await scene.world.database.rows('SELECT 1');
  return done;
}

async function flushRedis({ world }) {
  const { Redis } = await import('ioredis');
  const redis = new Redis(world.servers.redisUrl, { maxRetriesPerRequest: 50 });
  redis.on('error', () => {}); // being restarted: it connects again
  await redis.flushall();
  redis.disconnect();
  return { what: 'FLUSHALL' };
}

async function hang(proxy, { hangMs }) {
  proxy.hang();
  await sleep(hangMs);
  proxy.restore();
  return { what: `${hangMs / 1000} s` };
}

/** Containers die with the engine and come back with it: the outage of a service lasts until its last one has started again. */
async function restartDocker({ world, chance }) {
  const before = (await world.things('containers')).filter(({ State }) => State === 'running');
  const from = Date.now();
  await world.dockerd.stop(chance < 0.7 ? 'SIGTERM' : 'SIGKILL');
  await world.dockerd.start();
  const outages = await Promise.all(before.map((container) => outageOf(world, container, from)));
  const last = Math.max(from, ...outages.map((outage) => outage.until));
  return { what: `all containers back after ${last - from} ms`, outages };
}

async function outageOf(world, { Id, Labels }, from) {
  const back = async () => {
    const found = await world.engine.call('GET', `/containers/${Id}/json`);
    return !found || (found.State.Running && Date.parse(found.State.StartedAt) > from)
      ? (found?.State.StartedAt ?? 'gone')
      : null;
  };
  const started = await until(back, { what: 'a container to be back', within: BACK_WITHIN_MS, every: 50 }).catch(
    () => 'gone',
  );
  const end = started === 'gone' ? Date.now() : Date.parse(started);
  return { services: [Labels['containr.service']], from, until: end + SECOND };
}

async function fill(dir) {
  const free = await fillDisk(dir);
  await sleep(FULL_LASTS_MS);
  free();
  return { what: `${FULL_LASTS_MS / 1000} s` };
}

async function jump({ world, chance }) {
  const offset = chance < 0.5 ? -HOUR : HOUR;
  world.setClock(offset);
  await sleep(JUMP_LASTS_MS);
  world.setClock(0);
  return { what: `${offset > 0 ? '+' : '-'}1 h and back` };
}

async function upgrade(role, { world }) {
  await world.crew.replace(role);
  return { what: `a new ${role} beside the old one` };
}

/** @type {Record<string, (scene: Scene) => Promise<Done>>} */
export const FAULTS = {
  'kill-worker': (scene) => killOne('worker', scene),
  'kill-api': (scene) => killOne('api', scene),
  'kill-caddy': killCaddy,
  'kill-container': (scene) => hitContainer(scene, (one) => killContainer(scene.world, one)),
  'remove-container': (scene) =>
    hitContainer(scene, ({ Id }) =>
      scene.world.engine.call('DELETE', `/containers/${Id}`, { params: { force: 'true' } }).catch(() => {}),
    ), // being removed already
  'restart-postgres': restartPostgres,
  'restart-redis': (scene) => restartServer('redis', scene.chance < 0.6 ? 'SIGTERM' : 'SIGKILL', scene),
  'flush-redis': flushRedis,
  'hang-postgres': (scene) => hang(scene.world.postgresProxy, scene),
  'hang-docker': (scene) => hang(scene.world.dockerProxy, scene),
  'clock-jump': jump,
  'upgrade-worker': (scene) => upgrade('worker', scene),
  'upgrade-api': (scene) => upgrade('api', scene),
  'restart-docker': restartDocker,
  'full-sources-disk': ({ world }) => fill(world.sourcesDir),
  'full-docker-disk': ({ world }) => fill(world.dockerd.root),
};

/** @param {import('./schedule.mjs').PlannedFault} planned @param {Omit<Scene, 'chance'>} scene @returns {Promise<Fault>} */
export async function inflict(planned, scene) {
  const from = Date.now();
  const done = await FAULTS[planned.kind]({ ...scene, chance: planned.chance });
  return { kind: planned.kind, from, until: Date.now(), ...done };
}
