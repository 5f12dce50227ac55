// Many requests to one address over kept connections.
import http from 'node:http';

/** @typedef {{ port: number, path: string, token?: string, method?: string, body?: unknown }} Target */

/** One answer, read to its end. @param {Target} target @param {http.Agent} agent @returns {Promise<number>} bytes @throws Error unless 2xx */
export function ask({ port, path, token, method = 'GET', body }, agent) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(text && { 'content-type': 'application/json' }),
  };
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method, agent, headers }, (response) => {
      let bytes = 0;
      response.on('data', (chunk) => {
        bytes += chunk.length;
      });
      const fine = response.statusCode < 300;
      response.on('end', () => (fine ? resolve(bytes) : reject(new Error(`${path}: ${response.statusCode}`))));
    });
    request.on('error', reject).end(text);
  });
}

/**
 * @param {Target} target @param {{ ms: number, connections: number }} load
 * @returns {Promise<{ requests: number, seconds: number }>}
 */
export async function load(target, { ms, connections }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const started = performance.now();
  let requests = 0;
  const one = async () => {
    while (performance.now() - started < ms) {
      await ask(target, agent);
      requests += 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, one));
    return { requests, seconds: (performance.now() - started) / 1000 };
  } finally {
    agent.destroy();
  }
}

/** One after the other on one connection. @param {(index: number) => Target} targetOf @returns {Promise<number[]>} ms each */
export async function oneByOne(targetOf, count) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const times = [];
  try {
    for (let index = 0; index < count; index++) {
      const started = performance.now();
      await ask(targetOf(index), agent);
      times.push(performance.now() - started);
    }
    return times;
  } finally {
    agent.destroy();
  }
}
