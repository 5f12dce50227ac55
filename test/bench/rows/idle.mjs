// What the platform costs while nothing happens. CONTAINR_BENCH_IDLE_SECONDS shortens the ten minutes.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { boundLine } from '../lib/pairs.mjs';
import { cpuMicros, rssMb } from '../lib/process.mjs';
import { BenchService } from '../lib/service.mjs';

const SERVICES = 20;
const LOOKS = 10;
const PARTS = ['api', 'worker'];
/** What a deployment leaves to do (draining, the reconciler's next round) is not idleness. */
const SETTLE_MS = 15_000;

async function content(world, signal) {
  const project = await world.project();
  for (let i = 0; i < SERVICES; i++) {
    signal.throwIfAborted();
    await (await BenchService.create(world, project)).deploy();
  }
}

/**
 * Signs of children: those that live, and the page faults of those that have ended (every process has some; `cminflt` of proc_pid_stat(5)).
 * It tells none from some, not how many.
 */
function childrenOf(pid) {
  const faults = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[8]);
  const alive = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).length;
  return { faults, alive };
}

const spawned = (before, now) => Math.max(now.alive - before.alive, 0) + Number(now.faults > before.faults);

export default {
  name: 'idle',
  what: `${SERVICES} services running, nobody asks anything`,

  /** @param {import('./index.mjs').Context} context */
  async run({ signal, say, world: start }) {
    const world = await start();
    const ms = Number(process.env.CONTAINR_BENCH_IDLE_SECONDS ?? 600) * 1000;
    await content(world, signal);
    await sleep(SETTLE_MS, undefined, { signal });
    return watch(world, { ms, signal, say });
  },
};

async function watch(world, { ms, signal, say }) {
  const parts = PARTS.map((name) => ({ name, pid: world.pid(name), rss: [], cpu: [], spawned: 0 }));
  const first = parts.map(({ pid }) => childrenOf(pid));
  for (let look = 0; look < LOOKS; look++) {
    const before = parts.map(({ pid }) => cpuMicros(pid));
    const started = performance.now();
    await sleep(ms / LOOKS, undefined, { signal });
    parts.forEach((part, i) => {
      part.cpu.push((cpuMicros(part.pid) - before[i]) / ((performance.now() - started) * 10));
      part.rss.push(rssMb(part.pid));
      part.spawned = spawned(first[i], childrenOf(part.pid));
    });
    say(
      parts.map(({ name, rss, cpu }) => `${name} ${rss.at(-1).toFixed(0)} MB, ${cpu.at(-1).toFixed(2)} %`).join('; '),
    );
  }
  const over = `${Math.round(ms / 1000)} s`;
  return parts.flatMap(({ name, rss, cpu, spawned: count }) => [
    boundLine({ label: `${name}: RSS over ${over}`, unit: 'MB', ours: rss, atMost: 130 }),
    boundLine({ label: `${name}: one core over ${over}`, unit: '%', ours: cpu, atMost: 0.5 }),
    boundLine({ label: `${name}: processes started`, unit: 'processes', ours: [count], atMost: 0 }),
  ]);
}
