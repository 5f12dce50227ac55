// The floor: the least that a deployment needs of the Docker Engine, by plain calls of its API. Written to be fast, not to be kind: no
// BuildKit session, no limits, no published port, the default bridge, the quickest knock at the port.
// https://docs.docker.com/reference/api/engine/version/v1.41/
import { randomUUID } from 'node:crypto';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Engine } from '../../../deploy/setup/lib/engine.mjs';
import { removeLabelled } from './leftovers.mjs';

const PORT = 3000;
const KNOCK_MS = 3;
const READY_WITHIN_MS = 30_000;

/** @typedef {{ id: string, upstream: string }} Running upstream: ip:port */

export class DockerFloor {
  /** @param {string} dockerHost @param {AbortSignal} signal */
  constructor(dockerHost, signal) {
    this.engine = new Engine(dockerHost);
    this.signal = signal;
    this.label = `containr.bench=${randomUUID()}`;
  }

  /** POST /build with BuildKit. @param {import('node:stream').Readable} context tar @returns {Promise<string>} the tag it was given */
  async build(context) {
    const [name, value] = this.label.split('=');
    const tag = `containr-bench/${randomUUID()}:floor`;
    const params = { version: '2', t: tag, labels: JSON.stringify({ [name]: value }) };
    await this.engine.stream('POST', '/build', { params, body: context, timeout: 0, signal: this.signal });
    return tag;
  }

  /** Create and start. @param {string} image @returns {Promise<Running>} */
  async start(image) {
    const [name, value] = this.label.split('=');
    const body = { Image: image, Env: [`PORT=${PORT}`], Labels: { [name]: value } };
    const { Id: id } = await this.#post('/containers/create', body);
    await this.#post(`/containers/${id}/start`);
    const { NetworkSettings } = await this.engine.call('GET', `/containers/${id}/json`);
    return { id, upstream: `${NetworkSettings.IPAddress}:${PORT}` };
  }

  /** Until something listens there. @param {string} upstream */
  async listening(upstream) {
    const [host] = upstream.split(':');
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!(await knock(host))) {
      this.signal.throwIfAborted();
      if (performance.now() > deadline) throw new Error(`floor: nothing listens at ${upstream}`);
      await sleep(KNOCK_MS);
    }
  }

  /** Stops politely and removes, as every replacement must. @param {Running} running */
  async retire({ id }) {
    await this.#post(`/containers/${id}/stop?t=10`);
    await this.engine.call('DELETE', `/containers/${id}`, { params: { force: 'true' } });
  }

  /** Everything it ever made. */
  close() {
    return removeLabelled(this.engine, this.label);
  }

  #post(route, body) {
    return this.engine.call('POST', route, { json: body, signal: this.signal });
  }
}

/** @param {string} host */
function knock(host) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: PORT, timeout: 1000 });
    const end = (heard) => {
      socket.destroy();
      resolve(heard);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });
}
