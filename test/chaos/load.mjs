// A steady stream of requests to every service through the ingress, each on a connection of its own, each written down.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** @typedef {{ service: number, start: number, end: number, status: number, text: string }} Request times in ms since 1970 */

export class Load {
  /** @param {{ port: number, file: string, perSecond: number, hosts: string[] }} options */
  constructor({ port, file, perSecond, hosts }) {
    this.file = file;
    const args = [port, file, perSecond, ...hosts].map(String);
    this.child = fork(path.join(import.meta.dirname, 'load-process.mjs'), args);
    this.ended = once(this.child, 'exit');
  }

  /** Resolves when every request has been answered. */
  async stop() {
    this.child.kill('SIGTERM');
    await this.ended;
  }

  /** @returns {AsyncIterable<Request>} */
  async *requests() {
    for await (const line of createInterface({ input: createReadStream(this.file) })) {
      const [service, start, end, status, text] = JSON.parse(line);
      yield { service, start, end, status, text };
    }
  }
}
