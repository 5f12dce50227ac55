// One run of the chaos: services under load, developers who deploy, faults one after the other, then calm and the facts.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './client.mjs';
import { Developer } from './developer.mjs';
import { factsOf } from './facts.mjs';
import { inflict } from './faults.mjs';
import { Load } from './load.mjs';
import { SERVICES } from './schedule.mjs';

const REPLICAS = 2;
/** Calm: nothing open, and the same again for this long. Healing looks about each second, routes each 10 s. */
const CALM_MS = 12_000;
const CALM_WITHIN_MS = 180_000;

const SETTINGS = {
  type: 'web',
  replicas: REPLICAS,
  health_check_timeout: 60,
  stop_grace_period: 5,
  drain_timeout: 15,
  resources: { memory: '128Mi' },
};

async function makeServices(client) {
  const services = [];
  for (let index = 0; index < SERVICES; index++) {
    // Projects of their own for the first two: networks and routes of several are in play, and two services share one.
    const project =
      index < 2 ? await client.insist('POST', '/projects', { name: `Chaos ${index}` }) : { id: services[1].project };
    const made = await client.insist('POST', `/projects/${project.id}/services`, { ...SETTINGS, name: `app-${index}` });
    services.push({ id: made.id, index, project: project.id, host: new URL(made.url).hostname });
  }
  return services;
}

/** Faults follow each other: what each excuses stays clear. */
async function inflictAll(schedule, { world, hangMs, say, signal }) {
  const faults = [];
  const began = Date.now();
  for (const planned of schedule.faults) {
    await sleep(planned.wait, undefined, { signal });
    const fault = await inflict(planned, { world, hangMs });
    say(`${((fault.from - began) / 1000).toFixed(1).padStart(6)} s  ${fault.kind}: ${fault.what}`);
    faults.push(fault);
  }
  return faults;
}

/** What changes while anything is still going on. */
const STATE = `SELECT (SELECT count(*) FROM runs WHERE status IN ('queued', 'running', 'undoing')) AS open,
  (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM deployments) AS deployments`;

async function calm(world, say, signal) {
  const deadline = performance.now() + CALM_WITHIN_MS;
  for (let since = performance.now(), last = ''; performance.now() < deadline; ) {
    const [state] = await world.database.rows(STATE);
    const containers = (await world.things('containers')).map(({ Id, State }) => `${Id} ${State}`).sort();
    const now = JSON.stringify([state, containers]);
    if (now !== last || state.open !== '0') since = performance.now();
    if (process.env.CHAOS_DEBUG) say(now);
    if (performance.now() - since > CALM_MS) return;
    last = now;
    await sleep(300, undefined, { signal });
  }
}

/** @returns {Promise<import('./verdict.mjs').Facts>} */
export async function attack({ world, schedule, perSecond, hangMs, say, signal }) {
  const client = new Client(() => world.crew.ports);
  await client.signUp('owner@example.test');
  const services = await makeServices(client);
  const developer = new Developer({ client, database: world.database, dir: world.dir, say });
  const wishesOf = ({ index }) => schedule.wishes.filter((wish) => wish.service === index);
  // The first version of each is deployed in peace: there is nothing to serve before.
  await Promise.all(services.map((service) => developer.start(service)));
  await Promise.all(services.map((service) => developer.work(service, wishesOf(service).slice(0, 1))));
  const load = new Load({
    port: world.httpPort,
    file: path.join(world.dir, 'load.log'),
    perSecond,
    hosts: services.map(({ host }) => host),
  });
  const [faults] = await Promise.all([
    inflictAll(schedule, { world, hangMs, say, signal }),
    ...services.map((service) => developer.work(service, wishesOf(service).slice(1))),
  ]);
  say('waiting until it is calm');
  await calm(world, say, signal);
  await load.stop();
  const { asks, versions } = developer;
  return { asks, versions, faults, ...(await factsOf({ world, load, services })) };
}
