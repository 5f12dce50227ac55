/** The four providers, on one server: `http://127.0.0.1:<port>/<kind>` is the web address of each. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { bitbucket } from './bitbucket.js';
import { gitea } from './gitea.js';
import { github } from './github.js';
import { gitlab } from './gitlab.js';
import { Seeds } from './seeds.js';
import { StandIn } from './stand-in.js';

export type { Delivery } from './dialect.js';
export type { Hook, Pull, Repository } from './repository.js';
export { StandIn, type StandInAccount } from './stand-in.js';

export interface StandIns {
  /** e.g. `http://127.0.0.1:40123`. */
  origin: string;
  github: StandIn;
  gitlab: StandIn;
  bitbucket: StandIn;
  gitea: StandIn;
  all: StandIn[];
  close(): Promise<void>;
}

export async function startGitProviders(): Promise<StandIns> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'containr-providers-'));
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://x');
    const [, kind = '', below = ''] = /^\/(\w+)(\/.*)$/.exec(pathname) ?? [];
    const standIn = all.find((one) => one.kind === kind);
    if (!standIn) return void response.writeHead(404).end('<html>nothing here</html>');
    standIn.answer(below, search.slice(1), request, response).catch((error) => response.destroy(error));
  });
  // Clients keep connections for less.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const seeds = new Seeds(root);
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const make = (dialect: typeof github) => new StandIn(dialect, `${origin}/${dialect.kind}`, root, seeds);
  const providers = { github: make(github), gitlab: make(gitlab), bitbucket: make(bitbucket), gitea: make(gitea) };
  const all: StandIn[] = Object.values(providers);
  const close = async () => {
    for (const standIn of all) await standIn.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(root, { recursive: true, force: true });
  };
  return { origin, ...providers, all, close };
}
