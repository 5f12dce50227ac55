// A visitor who never stops asking: proves that a deployment drops no request. Loopback only, bounded in rate and time.
import http from 'node:http';

const INTERVAL_MS = 20;
const LONGEST_MS = 5 * 60_000;
const TIMEOUT_MS = 10_000;

/** One GET through the ingress on this machine; the host name needs no DNS. @returns {Promise<{ status: number, text: string }>} */
export function getThroughIngress({ port, host, path = '/', agent, signal }) {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, agent, signal, headers: { host } };
    const request = http.get(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.once('end', () => resolve({ status: response.statusCode, text }));
      response.once('error', reject);
    });
    request.setTimeout(TIMEOUT_MS, () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
    request.once('error', reject);
  });
}

export class Load {
  requests = 0;
  /** What went wrong, one line per failed request. @type {string[]} */
  failures = [];
  #open = new Set();
  #agent = new http.Agent({ keepAlive: true, maxSockets: 50 });

  /** @param {{ port: number, host: string }} target */
  constructor(target) {
    this.target = target;
    this.timer = setInterval(() => this.#ask(), INTERVAL_MS);
    this.limit = setTimeout(() => clearInterval(this.timer), LONGEST_MS);
  }

  #ask() {
    this.requests++;
    const one = getThroughIngress({ ...this.target, agent: this.#agent }).then(
      ({ status, text }) => status !== 200 && this.failures.push(`status ${status}: ${text.slice(0, 200)}`),
      (error) => this.failures.push(error.message),
    );
    this.#open.add(one);
    void one.finally(() => this.#open.delete(one));
  }

  /** Stops asking and waits for the last answers. */
  async stop() {
    clearInterval(this.timer);
    clearTimeout(this.limit);
    await Promise.all(this.#open);
    this.#agent.destroy();
  }
}
