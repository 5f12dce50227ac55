// The floor's ingress: one Caddy with one route, whose upstream is changed by the quickest call of its admin API.
// https://caddyserver.com/docs/api#patch-configpath
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { spawnChild } from '../../../deploy/setup/lib/child.mjs';
import { freePort } from '../../../deploy/setup/lib/ports.mjs';
import { stopProc } from '../../../deploy/setup/lib/processes.mjs';
import { findCommand } from '../../../deploy/setup/lib/run.mjs';
import { until } from '../../../deploy/setup/lib/wait.mjs';

const UPSTREAMS = '/id/floor/upstreams';

function config(socket, port) {
  const proxy = { '@id': 'floor', handler: 'reverse_proxy', upstreams: [] };
  const server = { listen: [`127.0.0.1:${port}`], automatic_https: { disable: true }, routes: [{ handle: [proxy] }] };
  return {
    // 2.6.2 accepts only an empty Host over a unix socket unless others are listed; Node always sends one.
    admin: { listen: `unix/${socket}`, origins: ['', '127.0.0.1'] },
    logging: { logs: { default: { level: 'WARN' } } },
    apps: { http: { servers: { floor: server } } },
  };
}

export class CaddyFloor {
  #agent = new http.Agent({ keepAlive: true });

  /** @param {string} scratch folder @returns {Promise<CaddyFloor>} */
  static async start(scratch) {
    const floor = new CaddyFloor();
    floor.dir = mkdtempSync(path.join(scratch, 'caddy-'));
    floor.port = await freePort();
    floor.socket = path.join(floor.dir, 'admin.sock');
    const file = path.join(floor.dir, 'start.json');
    writeFileSync(file, JSON.stringify(config(floor.socket, floor.port)));
    const env = { PATH: process.env.PATH, HOME: floor.dir };
    const log = openSync(path.join(floor.dir, 'log'), 'a');
    floor.child = await spawnChild({ command: findCommand('caddy'), args: ['run', '--config', file], env }, log);
    await until(() => floor.#call('GET', '/config/'), { what: 'the Caddy of the floor', within: 20_000, every: 25 });
    return floor;
  }

  /** Resolves when new requests go there. @param {string} upstream ip:port */
  async switchTo(upstream) {
    await this.#call('PATCH', UPSTREAMS, [{ dial: upstream }]);
  }

  async close() {
    this.#agent.destroy();
    await stopProc(this.child.proc, { within: 5000 });
    rmSync(this.dir, { recursive: true, force: true });
  }

  #call(method, route, body) {
    const headers = body ? { 'content-type': 'application/json' } : {};
    const options = { socketPath: this.socket, host: '127.0.0.1', agent: this.#agent, method, path: route, headers };
    return new Promise((resolve, reject) => {
      const request = http.request(options, (response) => {
        const ok = response.statusCode === 200;
        response
          .resume()
          .once('end', () => (ok ? resolve(true) : reject(new Error(`${route}: ${response.statusCode}`))));
      });
      request.once('error', reject).end(body && JSON.stringify(body));
    });
  }
}
