// Those who follow a log: clients of the API, and the Docker CLI.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';

const EVENT = Buffer.from('\ndata:');

/** Times that `mark` is in the chunk; one that is cut in two between chunks is missed, which is one in thousands. */
function count(chunk, mark) {
  let found = 0;
  for (let at = chunk.indexOf(mark); at >= 0; at = chunk.indexOf(mark, at + 1)) found += 1;
  return found;
}

/** @typedef {{ lines: number, ended: boolean, close: () => unknown }} Reader lines: how many so far */

/**
 * Follows as the dashboard does.
 * @param {{ port: number, service: string, token: string }} of @param {{ counts?: boolean, stalls?: boolean }} [how] stalls: reads nothing
 * @returns {Promise<Reader>}
 */
export async function follow({ port, service, token }, { counts = true, stalls = false } = {}) {
  const path = `/api/v1/services/${service}/logs?follow=true&tail=0`;
  const headers = { authorization: `Bearer ${token}` };
  const request = http.get({ host: '127.0.0.1', port, path, headers, agent: false });
  const [response] = await once(request, 'response');
  if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode}`);
  const reader = { lines: 0, ended: false, close: () => request.destroy() };
  const ended = () => {
    reader.ended = true;
  };
  response.once('close', ended).on('error', ended);
  if (stalls) return reader;
  response.on('data', (chunk) => {
    if (counts) reader.lines += count(chunk, EVENT);
  });
  return reader;
}

/** `docker logs -f`. @param {string} dockerHost @param {string} container @returns {Reader} */
export function dockerLogs(dockerHost, container) {
  const env = { PATH: process.env.PATH, DOCKER_HOST: dockerHost };
  const child = spawn('docker', ['logs', '--follow', '--tail', '0', container], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = once(child, 'close');
  const close = () => {
    child.kill('SIGKILL');
    return gone;
  };
  const reader = { lines: 0, ended: false, close };
  child.stdout.on('data', (chunk) => {
    reader.lines += count(chunk, 10);
  });
  gone.then(() => {
    reader.ended = true;
  });
  return reader;
}
