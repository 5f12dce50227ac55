// An app that writes log lines at the rate it is told, and a hand on it.
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

// A thread of its own writes: whoever writes 100,000 lines/s waits for the engine to read them, and the hand on it must still be felt.
const SERVER = `import { writeSync } from 'node:fs';
import http from 'node:http';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
const shared = new BigInt64Array(isMainThread ? new SharedArrayBuffer(16) : workerData);
const [SEQ, RATE] = [0, 1];

function write() {
  let [seq, due, last] = [0, 0, performance.now()];
  setInterval(() => {
    const [now, rate] = [performance.now(), Number(Atomics.load(shared, RATE))];
    due = Math.min(due + (rate * (now - last)) / 1000, rate / 10);
    last = now;
    let text = '';
    for (; due >= 1; due--) text += 'line ' + String(seq++).padStart(10, '0') + ' ' + 'x'.repeat(72) + '\\n';
    if (text) writeSync(1, text);
    Atomics.store(shared, SEQ, BigInt(seq));
  }, 10);
}

function serve() {
  new Worker(new URL(import.meta.url), { workerData: shared.buffer });
  http.createServer((request, response) => {
    const wanted = /^\\/rate\\/(\\d+)$/.exec(request.url);
    if (wanted) Atomics.store(shared, RATE, BigInt(wanted[1]));
    response.end(String(Atomics.load(shared, SEQ)));
  }).listen(process.env.PORT);
  process.once('SIGTERM', () => process.exit());
}

isMainThread ? serve() : write();
`;

/** @param {string} dir is made */
export function writeProducer(dir) {
  mkdirSync(dir, { recursive: true });
  const lines = ['FROM node:20-bookworm-slim', 'WORKDIR /app', 'COPY server.mjs .', 'CMD ["node", "server.mjs"]', ''];
  writeFileSync(path.join(dir, 'Dockerfile'), lines.join('\n'));
  writeFileSync(path.join(dir, 'server.mjs'), SERVER);
}

export class Producer {
  /** @param {{ port: number, host: string }} target its route at the ingress */
  constructor(target) {
    this.target = target;
  }

  /** @returns {Promise<number>} lines written so far */
  written() {
    return this.#ask('/');
  }

  /** @param {number} perSecond lines */
  async rate(perSecond) {
    await this.#ask(`/rate/${perSecond}`);
  }

  #ask(url) {
    const { port, host } = this.target;
    return new Promise((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port, path: url, headers: { host }, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () =>
          response.statusCode === 200
            ? resolve(Number(text))
            : reject(new Error(`the producer's ${url}: ${response.statusCode} ${text}`)),
        );
      });
      request.on('error', reject);
    });
  }
}
