/** The short form of `npm run chaos`: what needs no dockerd and no disks of its own, with fixed seeds, judged by the same verdict. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Its processes and timers live outside Jest: it has to end well before this. */
const WITHIN_MS = 8 * 60_000;
jest.setTimeout(WITHIN_MS + 60_000);

type Row = { name: string; seen: string; violations: string[] };

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'containr-chaos-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** @returns the rows of the table; @throws Error with the last words of a chaos that did not get to its end. */
async function chaos(seed: number): Promise<Row[]> {
  const report = path.join(dir, `${seed}.json`);
  const main = path.resolve(__dirname, '../chaos/main.mjs');
  const args = [main, '--short', '--seed', String(seed), '--report', report];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGTERM'), WITHIN_MS);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  try {
    return (JSON.parse(readFileSync(report, 'utf8')) as { rows: Row[] }).rows;
  } catch (cause) {
    throw new Error(`the chaos with seed ${seed} did not get to its verdict:\n${said}`, { cause });
  }
}

it.each([11])('survives being killed (seed %d)', async (seed) => {
  const rows = await chaos(seed);
  expect(rows.length).toBeGreaterThan(5);
  expect(rows.filter(({ violations }) => violations.length > 0)).toEqual([]);
});
