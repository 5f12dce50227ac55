/** The log as a file: written in pieces, replaced, not there. That Caddy writes it so is tested in caddy-access-log.real.ts. */
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { AccessLog } from './access-log.js';

let dir: string;
let file: string;
let log: AccessLog;

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'containr-access-log-'));
  file = path.join(dir, 'access.log');
  log = new AccessLog(async () => file);
});
afterEach(async () => {
  await log.close();
  await rm(dir, { recursive: true, force: true });
});

const line = (host: string, status = 200, seconds: number | string = 0.01) =>
  `{"request":{"host":"${host}"},"duration":${seconds},"status":${status}}\n`;
const read = async () =>
  Object.fromEntries([...((await log.read()) ?? [])].map(([host, { requests, errors }]) => [host, [requests, errors]]));

it('knows of nothing without a log', async () => {
  expect(await new AccessLog(async () => null).read()).toBeNull();
});

it('begins with the first line of a file that was not there yet', async () => {
  expect(await read()).toEqual({});
  await writeFile(file, line('a.test'));
  expect(await read()).toEqual({ 'a.test': [1, 0] });
});

it('begins at the end of a file that it finds', async () => {
  await writeFile(file, line('old.test'));
  expect(await log.read()).toEqual(new Map());
  await appendFile(file, line('a.test:8000') + line('A.test', 502));
  expect(await read()).toEqual({ 'a.test': [2, 1] });
});

it('takes a line that is written in pieces as one', async () => {
  await writeFile(file, '');
  await log.read();
  const whole = line('a.test', 200, '1.6e-05');
  await appendFile(file, whole.slice(0, 30));
  expect(await read()).toEqual({});
  await appendFile(file, whole.slice(30));
  expect(await read()).toEqual({ 'a.test': [1, 0] });
});

it('reads the rest of a replaced file and goes on with the new one', async () => {
  await writeFile(file, '');
  await log.read();
  await appendFile(file, line('a.test'));
  await rename(file, path.join(dir, 'access-1.log'));
  await writeFile(file, line('a.test') + line('b.test', 500));
  expect(await read()).toEqual({ 'a.test': [2, 0], 'b.test': [1, 1] });
  expect(await read()).toEqual({});
});

it('passes over what is not a request of a host, however long', async () => {
  await writeFile(file, '');
  await log.read();
  await appendFile(file, `\n{}\n${'x'.repeat(1_000_000)}\n${line('a\\"b.test')}${line('a.test')}`);
  expect(await read()).toEqual({ 'a.test': [1, 0] });
});

it('two hundred thousand requests of a host cost one entry', async () => {
  await writeFile(file, '');
  await log.read();
  await appendFile(file, line('a.test', 200, 0.25).repeat(200_000));
  const told = (await log.read())?.get('a.test');
  expect(told?.requests).toBe(200_000);
  expect(told?.durations.quantile(0.95)).toBeCloseTo(250, -2);
});
