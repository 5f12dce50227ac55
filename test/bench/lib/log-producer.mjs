// An app that writes log lines at the rate it is told, and a hand on it.
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const SERVER = `import http from 'node:http';
let [seq, rate, due, last] = [0, 0, 0, performance.now()];
setInterval(() => {
  const now = performance.now();
  due = Math.min(due + (rate * (now - last)) / 1000, rate / 10);
  last = now;
  let text = '';
  for (; due >= 1; due--) text += 'line ' + String(seq++).padStart(10, '0') + ' ' + 'x'.repeat(72) + '\\n';
  if (text) process.stdout.write(text);
}, 10);
http.createServer((request, response) => {
  const wanted = /^\\/rate\\/(\\d+)$/.exec(request.url);
  if (wanted) rate = Number(wanted[1]);
  response.end(String(seq));
}).listen(process.env.PORT);
process.once('SIGTERM', () => process.exit());
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
