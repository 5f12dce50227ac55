/** The admin side of the real Caddy: shared by many writers, restarted, emptied, hanging. Traffic is in caddy-traffic.real.ts. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { CaddyAdmin } from './caddy/admin-client.js';
import { CaddyIngress } from './caddy/caddy-ingress.js';
import type { Json } from './caddy/json.js';
import { repairStorage } from './caddy/storage.js';
import { describeIngress } from './conformance.js';
import { CaddyProcess } from './testing/caddy-process.js';
import { send, until } from './testing/traffic.js';

describeIngress('caddy', async () => {
  const caddy = await CaddyProcess.start();
  return {
    ingress: new CaddyIngress({ admin: caddy.admin }),
    visit: (host) => send(caddy, { host }),
    takeDown: () => caddy.kill(),
    close: () => caddy.stop(),
  };
});

const route = (id: string, upstreams = ['10.0.0.2:3000']) => ({ id, hosts: [`${id}.apps.localhost`], upstreams });

describe('CaddyIngress', () => {
  let caddy: CaddyProcess;
  let ingress: CaddyIngress;

  beforeEach(async () => {
    caddy = await CaddyProcess.start();
    ingress = new CaddyIngress({ admin: caddy.admin });
  });
  afterEach(() => caddy.stop());

  const ids = async () => (await ingress.observe()).map(({ id }) => id).sort();
  /** Caddy writes its configuration to this file at every load, a moment after its ports are open. */
  const lastReload = async () => {
    const file = path.join(caddy.dir, 'caddy/autosave.json');
    await until(() => existsSync(file));
    return (await stat(file)).mtimeMs;
  };

  test('50 routes ensured at once by 4 writers: none is lost or doubled', async () => {
    const writers = Array.from({ length: 4 }, () => new CaddyIngress({ admin: caddy.admin }));
    const names = Array.from({ length: 50 }, (_, index) => `s${String(index).padStart(2, '0')}`);
    await Promise.all(
      names.flatMap((name, index) =>
        [writers[index % 4], writers[(index + 1) % 4]].map((writer) => writer?.ensure(route(name))),
      ),
    );
    expect(await ids()).toEqual(names);
    await Promise.all(
      names.map((name, index) =>
        index % 2 ? writers[index % 4]?.ensureAbsent(name) : writers[index % 4]?.ensure(route(name, [])),
      ),
    );
    expect(await ids()).toEqual(names.filter((_, index) => index % 2 === 0));
  });

  test('no change reloads the configuration', async () => {
    const before = await lastReload();
    await ingress.ensure(route('a'));
    await ingress.ensure({ ...route('a', ['10.0.0.3:3000', '10.0.0.4:3000']), hosts: ['new.apps.localhost'] });
    await ingress.ensureAbsent('a');
    expect(await lastReload()).toBe(before);
  });

  test('killed and restarted: the routes are still there', async () => {
    await ingress.ensure(route('a'));
    await caddy.restart('base');
    expect(await ingress.observe()).toEqual([route('a')]);
  });

  test('restarted without any configuration: nothing is served until the base is loaded, once, by whoever comes first', async () => {
    await ingress.ensure(route('a'));
    await caddy.restart('empty');
    expect(await ingress.observe()).toEqual([]);
    await expect(ingress.ensure(route('a'))).rejects.toMatchObject({ code: 'ingress_not_configured', status: 503 });
    const writers = Array.from({ length: 4 }, () => new CaddyIngress({ admin: caddy.admin, base: caddy.config }));
    await Promise.all(['a', 'b', 'c', 'd'].map((id, index) => writers[index]?.ensure(route(id))));
    expect(await ids()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('leaves a configuration of others alone', async () => {
    const foreign = { http: { servers: { theirs: { listen: ['127.0.0.1:0'], routes: [] } } } };
    const admin = new CaddyAdmin({ admin: caddy.admin });
    await admin.call({ method: 'POST', path: '/config/apps', body: foreign });
    const owner = new CaddyIngress({ admin: caddy.admin, base: caddy.config });
    await expect(owner.ensure(route('a'))).rejects.toMatchObject({ code: 'ingress_not_configured' });
    expect(JSON.parse((await admin.get('/config/apps')).body) as Json).toEqual(foreign);
  });

  test('files that are not ours, half-written ones and links lost by hand do no harm', async () => {
    await ingress.ensure(route('a'));
    const dir = path.join(caddy.dir, 'routes');
    await writeFile(path.join(dir, 'services/a/README'), '');
    await mkdir(path.join(dir, 'services/a/000000000001_10.0.0.9:1'));
    await rm(path.join(dir, 'hosts/a.apps.localhost'));
    expect(await ingress.observe()).toEqual([]);
    await ingress.ensure(route('a'));
    expect(await ingress.observe()).toEqual([route('a')]);
  });

  test('a hanging Caddy is Unavailable in time', async () => {
    const impatient = new CaddyIngress({ admin: caddy.admin, timeoutMs: 300 });
    await impatient.ensure(route('a'));
    await caddy.suspend();
    try {
      await expect(impatient.ensure(route('a'))).rejects.toMatchObject({
        code: 'ingress_unavailable',
        transient: true,
      });
      const start = Date.now();
      await expect(ingress.ping()).rejects.toMatchObject({ code: 'ingress_unavailable' });
      expect(Date.now() - start).toBeGreaterThanOrEqual(4900);
      expect(Date.now() - start).toBeLessThan(20_000);
    } finally {
      caddy.resume();
    }
    await impatient.ping();
  });

  test('speaks to an admin endpoint on a loopback port', async () => {
    const proxy = http.createServer((request, response) => {
      const target = { socketPath: caddy.admin.slice(5), host: '127.0.0.1', method: request.method, path: request.url };
      const forwarded = http.request({ ...target, headers: { ...request.headers, host: '127.0.0.1' } }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, { trailer: 'ETag' });
        answer.on('data', (chunk: Buffer) => response.write(chunk));
        answer.on('end', () => {
          response.addTrailers({ ETag: answer.trailers.etag ?? '' });
          response.end();
        });
      });
      request.pipe(forwarded);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as { port: number };
    const remote = new CaddyIngress({ admin: `http://127.0.0.1:${port}` });
    await remote.ensure(route('a'));
    expect(await remote.observe()).toEqual([route('a')]);
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  });
});

function isWholeJson(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

describe('repairStorage', () => {
  const damages = [
    [
      'certificates/local/wildcard_.apps.localhost/wildcard_.apps.localhost.json',
      'certificates/local/wildcard_.apps.localhost',
    ],
    [
      'certificates/local/wildcard_.apps.localhost/wildcard_.apps.localhost.crt',
      'certificates/local/wildcard_.apps.localhost',
    ],
    ['pki/authorities/local/intermediate.key', 'pki/authorities/local'],
    ['pki/authorities/local/root.crt', 'pki/authorities/local'],
  ];

  test.each(damages)('Caddy starts again after %s was cut off', async (file, removed) => {
    const caddy = await CaddyProcess.start();
    try {
      const storage = path.join(caddy.dir, 'storage');
      // Caddy writes the metadata last, and not in one go.
      await until(() => isWholeJson(path.join(storage, damages[0]?.[0] ?? '')));
      await caddy.kill();
      expect(await repairStorage(storage)).toEqual([]);
      await truncate(path.join(storage, file ?? ''), 20);
      expect(await repairStorage(storage)).toEqual([path.join(storage, removed ?? '')]);
      await caddy.restart('base');
      await until(() => existsSync(path.join(storage, file ?? '')));
    } finally {
      await caddy.stop();
    }
  });
});
