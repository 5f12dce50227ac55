// npm run bench: how far the platform is from the floor, measured in the same minutes. `npm run bench -- [ROW...] [--pairs N] [--write]`
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureImages } from '../../deploy/images/build.mjs';
import { Engine } from '../../deploy/setup/lib/engine.mjs';
import { runMain, say, warn } from '../../deploy/setup/lib/log.mjs';
import { ensureMachine } from '../../deploy/setup/lib/machine.mjs';
import { onStopSignals } from '../../deploy/setup/lib/signals.mjs';
import { parseOptions } from './lib/options.mjs';
import { writeReport } from './lib/report.mjs';
import { allMet, textTable } from './lib/table.mjs';
import { Undos } from './lib/undos.mjs';
import { World } from './lib/world.mjs';
import { ROWS } from './rows/index.mjs';

/** @returns {Promise<import('./lib/table.mjs').Result>} */
async function runRow(name, { pairs, signals, scratch }) {
  const undos = new Undos();
  const progress = (text) => warn(`${name}: ${text}`);
  const world = async (env) => {
    const made = await World.start({ scratch, env, signals });
    undos.push(() => made.close());
    return made;
  };
  try {
    const { default: row } = await ROWS[name]();
    progress(row.what);
    const found = await row.run({ pairs, signal: signals.asked, say: progress, world });
    return Array.isArray(found) ? { name, lines: found } : { name, lines: [], ...found };
  } catch (error) {
    if (!signals.asked.aborted) warn(error.stack);
    return { name, lines: [], error: error.message };
  } finally {
    await undos.all();
  }
}

async function bench(options, signals, scratch) {
  const results = [];
  for (const name of options.names) {
    if (signals.asked.aborted) break;
    results.push(await runRow(name, { ...options, signals, scratch }));
  }
  say(`\n${textTable(results)}`);
  if (options.write && !signals.asked.aborted) writeReport(results);
  return !signals.asked.aborted && allMet(results) ? 0 : 1;
}

async function main() {
  const options = parseOptions(process.argv.slice(2), Object.keys(ROWS));
  const signals = onStopSignals();
  await ensureMachine();
  await ensureImages(['node:20-bookworm-slim', 'debian:bookworm-slim'], { engine: new Engine() });
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'containr-bench-'));
  try {
    return await bench(options, signals, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

await runMain(main);
process.exit();
