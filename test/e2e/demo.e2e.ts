/** The demo is a test: what a newcomer types first must work, lose no request, and leave nothing. */
import { spawn } from 'node:child_process';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');

/** As a newcomer runs it: none of the servers of this test run. */
function newcomer(): NodeJS.ProcessEnv {
  const { DATABASE_URL: _database, REDIS_URL: _redis, CONTAINR_DATA_DIR: _dir, NODE_ENV: _env, ...env } = process.env;
  return env;
}

it('npm run demo -- --once', async () => {
  const child = spawn('npm', ['run', '--silent', 'demo', '--', '--once'], {
    cwd: ROOT,
    env: newcomer(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
  expect(output).toMatch(/remote: -----> Live: http:\/\/hello-[0-9a-f]{8}\.apps\.localhost:\d+/);
  expect(output).toMatch(/\d{2,} requests, 0 failed/);
  expect(output).toMatch(/Live URL\s+http:/);
  expect(output).toMatch(/Dashboard\s+http:/);
  expect(output).toMatch(/Login\s+\S+@\S+/);
}, 180_000);
