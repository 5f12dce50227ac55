// npm run chaos: deployments under load while parts of the platform die. Prints one table; exit code 1 when a row is red.
// -- [--seed N] [--deployments 30] [--faults a,b] [--rps 100] [--short] [--report file]
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureImages } from '../../deploy/images/build.mjs';
import { ensureDocker } from '../../deploy/setup/lib/docker.mjs';
import { Engine } from '../../deploy/setup/lib/engine.mjs';
import { runMain, SetupError, say } from '../../deploy/setup/lib/log.mjs';
import { ensureMachine } from '../../deploy/setup/lib/machine.mjs';
import { onStopSignals } from '../../deploy/setup/lib/signals.mjs';
import { attack } from './attack.mjs';
import { enter, isInside, raiseLoopback } from './cell.mjs';
import { PRIVATE_FAULTS, SHARED_FAULTS, scheduleOf } from './schedule.mjs';
import { tableOf } from './table.mjs';
import { isGreen, verdictOf } from './verdict.mjs';
import { BASE_IMAGE, World } from './world.mjs';

/** Handed to the inner process, so that its seed is the one that was printed. */
const SEED = 'CHAOS_SEED';
const FULL = { perSecond: 100, hangMs: 20_000, deployments: 30 };
const SHORT = { perSecond: 10, hangMs: 7000, deployments: 6, wishPause: [0, 1500], faultPause: [100, 1500] };

function options() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      deployments: { type: 'string' },
      rps: { type: 'string' },
      faults: { type: 'string' },
      short: { type: 'boolean', default: false },
      report: { type: 'string' },
    },
  });
  const isPrivate = !values.short;
  const all = [...SHARED_FAULTS, ...(isPrivate ? PRIVATE_FAULTS : [])];
  const kinds = values.faults?.split(',').filter(Boolean) ?? all;
  const unknown = kinds.filter((kind) => !all.includes(kind));
  if (unknown.length) throw new SetupError([`Unknown faults: ${unknown.join(', ')}.`, `There are: ${all.join(', ')}.`]);
  const size = isPrivate ? FULL : SHORT;
  const seed = Number(values.seed ?? process.env[SEED] ?? randomInt(1_000_000));
  return {
    ...size,
    seed,
    kinds,
    isPrivate,
    deployments: Number(values.deployments ?? size.deployments),
    perSecond: Number(values.rps ?? size.perSecond),
    report: values.report,
  };
}

/** Everything that needs the network or the machine's own engine. */
async function prepare() {
  await ensureMachine(process.env, { build: true });
  const { dockerHost, release } = await ensureDocker(process.env);
  await ensureImages([BASE_IMAGE], { engine: new Engine(dockerHost) });
  process.env.DOCKER_HOST = dockerHost;
  return release;
}

async function outside(wanted) {
  const release = await prepare();
  try {
    say(`seed ${wanted.seed} (again: npm run chaos -- --seed ${wanted.seed})`);
    process.env[SEED] = String(wanted.seed);
    return wanted.isPrivate ? await enter() : await inside(wanted);
  } finally {
    await release();
  }
}

async function inside(wanted) {
  const { asked: signal } = onStopSignals();
  if (wanted.isPrivate) await raiseLoopback();
  const world = new World({ isPrivate: wanted.isPrivate, imageEngine: process.env.DOCKER_HOST });
  try {
    await world.start();
    const schedule = scheduleOf(wanted);
    const facts = await attack({ world, schedule, signal, say, ...wanted });
    const rows = verdictOf({ ...facts, planned: [...new Set(schedule.faults.map(({ kind }) => kind))] });
    if (wanted.report)
      writeFileSync(path.resolve(wanted.report), JSON.stringify({ seed: wanted.seed, rows, facts }, null, 1));
    say(
      `\nseed ${wanted.seed}: ${wanted.deployments} deployments, ${facts.faults.length} faults, ${wanted.perSecond} requests per second and service\n${tableOf(rows)}`,
    );
    return isGreen(rows) ? 0 : 1;
  } finally {
    await world.stop();
  }
}

const main = async () => {
  const wanted = options();
  return isInside() ? await inside(wanted) : await outside(wanted);
};

await runMain(main);
process.exit();
