// A Docker Engine of our own, with the base image of the one that everybody uses.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { spawnChild } from '../../deploy/setup/lib/child.mjs';
import { Engine } from '../../deploy/setup/lib/engine.mjs';
import { stopProc } from '../../deploy/setup/lib/processes.mjs';
import { findCommand } from '../../deploy/setup/lib/run.mjs';
import { removeStalePidFile } from '../../deploy/setup/lib/shared-dockerd.mjs';
import { until } from '../../deploy/setup/lib/wait.mjs';
import { mountDisk } from './cell.mjs';

/** Room for the base image, what is built on it, and containers. Filled by a fault. */
const DISK = '1g';
/** The network namespace is empty, so any addresses will do. */
const NETWORK = ['--bip', '10.191.0.1/24', '--default-address-pool', 'base=10.192.0.0/10,size=24'];

export class Dockerd {
  /** @param {string} dir empty folder of its own */
  constructor(dir) {
    this.dir = dir;
    this.root = path.join(dir, 'root');
    this.socket = path.join(dir, 'docker.sock');
    this.engine = new Engine(`unix://${this.socket}`);
  }

  async open() {
    mkdirSync(this.root, { recursive: true });
    this.unmount = await mountDisk(this.root, DISK);
    await this.start();
  }

  async close() {
    if (this.child) await this.stop();
    await this.unmount?.();
  }

  async start() {
    const at = (name) => path.join(this.dir, name);
    removeStalePidFile(at('docker.pid'), 'dockerd');
    removeStalePidFile(at('exec/containerd/containerd.pid'), 'containerd');
    const own = ['--data-root', this.root, '--exec-root', at('exec'), '--pidfile', at('docker.pid')];
    const log = openSync(at('dockerd.log'), 'a');
    const env = { PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`, HOME: '/root' };
    const args = ['--host', `unix://${this.socket}`, ...own, ...NETWORK];
    this.child = await spawnChild({ command: findCommand('dockerd'), args, env, cwd: '/' }, log);
    closeSync(log);
    await until(() => this.engine.answers(), { what: 'dockerd', within: 60_000, every: 50 });
  }

  /** @param {'SIGTERM' | 'SIGKILL'} signal */
  stop(signal = 'SIGTERM') {
    return stopProc(this.child.proc, { signal, within: 60_000 });
  }

  /** @param {string} image of the engine that `from` names */
  async copyImage(image, from) {
    const saved = await from.open('GET', `/images/${encodeURIComponent(image)}/get`, { timeout: 0 });
    if (saved.statusCode !== 200) throw new Error(`there is no image ${image} to copy`);
    await new Promise((resolve, reject) => {
      const options = {
        socketPath: this.socket,
        method: 'POST',
        path: '/images/load?quiet=1',
        headers: { 'content-type': 'application/x-tar' },
      };
      const request = http.request(options, (response) => response.resume().once('end', resolve).once('error', reject));
      request.once('error', reject);
      saved.pipe(request);
    });
  }
}
