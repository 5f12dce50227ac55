/** Public access on a real PostgreSQL and the fake engine, whose databases are a server of this test. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { engineOf, imageOf } from '#drivers/engines/index.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { containerName } from './database-containers.js';
import { DatabasesService } from './databases.service.js';
import { PublicAccessService } from './public-access.service.js';
import { PublicProxies } from './public-proxies.js';

let worker: TestWorker;
let proxies: PublicProxies;
let upstream: net.Server;
let id: string;
let access: (cidrs: string[]) => ReturnType<PublicAccessService['put']>;
let port: number;

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: found } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return found;
}

beforeEach(async () => {
  port = await freePort();
  worker = await testWorker({ CONTAINR_DATABASE_PORTS: `${port}-${port}` });
  const { caller, projectId } = await worker.service();
  const engine = engineOf('redis');
  worker.runtime.addImage(imageOf(engine, engine.versions[0] as string));
  const wish = {
    name: 'Cache',
    type: 'redis' as const,
    plan: 'hobby' as const,
    region: 'local',
    project_id: projectId,
  };
  const row = await worker.get(DatabasesService).create(caller, wish);
  id = row.id;
  await worker.settle();
  proxies = worker.get(PublicProxies);
  access = (cidrs) => worker.get(PublicAccessService).put(caller, id, cidrs);
  // Where the fake says that the container is.
  const address = worker.runtime.workloads.get(containerName(row))?.address as string;
  upstream = net.createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(6379, address);
  await once(upstream, 'listening');
});
afterEach(async () => {
  await proxies.close();
  upstream.close();
  await worker.close();
});

/** What comes back for `hello`; null: the connection was closed instead. */
async function said(): Promise<string | null> {
  const socket = net.connect(port, '127.0.0.1');
  const answer = new Promise<string | null>((resolve) => {
    socket.once('data', (data) => resolve(data.toString())).once('close', () => resolve(null));
    socket.on('error', () => resolve(null));
  });
  socket.write('hello');
  const heard = await answer;
  socket.destroy();
  return heard;
}

it('is off until it is asked for, then open to the given networks only', async () => {
  expect([await proxies.sync(), await said()]).toEqual([[], null]);
  expect((await access(['203.0.113.0/24'])).public_access).toMatchObject({ cidrs: ['203.0.113.0/24'], port });
  expect([await proxies.sync(), await said()]).toEqual([[port], null]);
  await access(['203.0.113.0/24', '127.0.0.0/8']);
  await proxies.sync();
  expect(await said()).toBe('hello');
});

it('whoever is no longer allowed is disconnected, and off means closed', async () => {
  await access(['127.0.0.1']);
  await proxies.sync();
  const socket = net.connect(port, '127.0.0.1');
  socket.write('hello');
  await once(socket, 'data');
  await access(['203.0.113.7']);
  await proxies.sync();
  await once(socket, 'close');
  expect((await access([])).public_access).toBeNull();
  expect([await proxies.sync(), await said()]).toEqual([[], null]);
});

it('a port is given out once', async () => {
  await access(['127.0.0.1']);
  const { caller, projectId } = await worker.service({ name: 'other', alias: 'other' });
  const wish = { name: 'Two', type: 'redis' as const, plan: 'hobby' as const, region: 'local', project_id: projectId };
  const other = await worker.get(DatabasesService).create(caller, wish);
  await expect(worker.get(PublicAccessService).put(caller, other.id, ['127.0.0.1'])).rejects.toMatchObject({
    code: 'ports_exhausted',
  });
});
