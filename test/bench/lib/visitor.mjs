// Visitors: one who looks again and again until the new version answers, and a crowd that never stops asking.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 10;
const WITHIN_MS = 120_000;
const TIMEOUT_MS = 10_000;

/** @typedef {{ port: number, address?: string, host?: string, path?: string }} Target address: default loopback; host: the Host header */

/** @param {Target & { agent?: http.Agent, signal?: AbortSignal }} target @returns {Promise<{ status: number, text: string }>} */
export function get({ port, address = '127.0.0.1', host, path = '/', agent, signal }) {
  return new Promise((resolve, reject) => {
    const options = { host: address, port, path, agent, signal, headers: host ? { host } : {} };
    const request = http.get(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.once('end', () => resolve({ status: response.statusCode, text })).once('error', reject);
    });
    request.setTimeout(TIMEOUT_MS, () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
    request.once('error', reject);
  });
}

/**
 * Resolves with performance.now() of the moment when the answer had come.
 * @param {Target} target @param {string} text what the answer must contain @param {AbortSignal} signal
 */
export async function answers(target, text, signal) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const deadline = performance.now() + WITHIN_MS;
  try {
    for (;;) {
      signal.throwIfAborted();
      // Nobody listens yet, a proxy without an upstream, a kept connection that was just closed: not the answer, ask again.
      const answer = await get({ ...target, agent, signal }).catch((error) => ({ text: error.message }));
      if (answer.status === 200 && answer.text.includes(text)) return performance.now();
      if (performance.now() > deadline) throw new Error(`"${text}" never came; last: ${answer.text.slice(0, 200)}`);
      await sleep(LOOK_MS);
    }
  } finally {
    agent.destroy();
  }
}

/** Asks at a fixed rate, whatever the answers do. */
export class Crowd {
  requests = 0;
  /** What went wrong, one line per request. @type {string[]} */
  failures = [];
  #open = new Set();
  #agent = new http.Agent({ keepAlive: true, maxSockets: 100 });

  /** @param {Target} target @param {number} perSecond @param {(text: string) => void} heard every answer of status 200, as it comes */
  constructor(target, perSecond, heard) {
    Object.assign(this, { target, heard, started: performance.now(), perMs: perSecond / 1000 });
    this.timer = setInterval(() => this.#catchUp(), 1000 / perSecond);
  }

  /** A timer that was late is made up for: the rate holds. */
  #catchUp() {
    const due = Math.floor((performance.now() - this.started) * this.perMs);
    while (this.requests < due) this.#ask();
  }

  #ask() {
    this.requests++;
    const one = get({ ...this.target, agent: this.#agent }).then(
      ({ status, text }) => (status === 200 ? this.heard(text) : this.failures.push(`${status} ${text.slice(0, 200)}`)),
      (error) => this.failures.push(error.message),
    );
    this.#open.add(one);
    void one.finally(() => this.#open.delete(one));
  }

  /** Stops asking and waits for the last answers. */
  async stop() {
    clearInterval(this.timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
  }
}
