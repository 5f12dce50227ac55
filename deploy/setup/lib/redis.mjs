// A private Redis in the data folder, on loopback only, with a password. It only wakes people up: what is lost here is found in PostgreSQL.
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { writeAtomic } from './files.mjs';
import { findCommand } from './run.mjs';

/** The password is in a file and not in argv, where every user of the machine could read it. */
export function redisConfig({ port, password, dir }) {
  const settings = {
    bind: '127.0.0.1',
    port,
    requirepass: password,
    dir: JSON.stringify(dir),
    daemonize: 'no',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'aof-load-truncated': 'yes',
    save: '""',
    'maxmemory-policy': 'noeviction',
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}

export const redisUrl = ({ port, password }) => `redis://:${password}@127.0.0.1:${port}`;

/** Sends AUTH and PING in Redis' inline form and resolves with true for +PONG. */
function ping({ port, password }) {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect({ host: '127.0.0.1', port }, () => socket.write(`AUTH ${password}\r\nPING\r\nQUIT\r\n`));
    socket.setEncoding('utf8').setTimeout(2000, () => socket.destroy(new Error('Redis: no answer')));
    socket.on('data', (chunk) => (text += chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(text.includes('+PONG')));
  });
}

/** @param {{ dataDir: string, port: number, password: string }} options @returns {import('./supervisor.mjs').Part} */
export function redisPart({ dataDir, port, password }) {
  const dir = path.join(dataDir, 'redis');
  const file = path.join(dataDir, 'run/redis.conf');
  const config = redisConfig({ port, password, dir });
  // The hash tells a survivor with the same configuration from one with another.
  const env = { PATH: process.env.PATH, CONTAINR_CONFIG: createHash('sha256').update(config).digest('hex') };
  return {
    name: 'redis',
    adopt: true,
    stop: { signal: 'SIGTERM', within: 10_000 },
    spec: () => ({ command: findCommand('redis-server'), args: [file], env }),
    async prepare() {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      writeAtomic(file, config);
    },
    ready: () => ping({ port, password }),
  };
}
