/** What every Ingress must do; run by fake.spec.ts and caddy.real.ts. */
import type { Ingress, TrafficReader } from './port.js';

export interface IngressUnderTest {
  ingress: Ingress;
  /** A visitor's request for this host, answered by the ingress itself. */
  visit(host: string): Promise<unknown>;
  /** Nothing answers from now on. */
  takeDown(): Promise<void>;
  close(): Promise<void>;
}

const byId = (left: { id: string }, right: { id: string }) => (left.id < right.id ? -1 : 1);
const upstreams = (count: number) => Array.from({ length: count }, (_, index) => `10.0.${index}.2:3000`);

export function describeIngress(name: string, make: () => Promise<IngressUnderTest>): void {
  describe(`Ingress conformance: ${name}`, () => {
    let subject: IngressUnderTest;
    let ingress: Ingress;

    beforeEach(async () => {
      subject = await make();
      ingress = subject.ingress;
    });
    afterEach(() => subject.close());

    const route = (id: string, ups = ['10.0.0.2:3000'], hosts = [`${id}.apps.localhost`]) => ({
      id,
      hosts,
      upstreams: ups,
    });

    test('holds what was ensured, and nothing at first', async () => {
      await ingress.ping();
      expect(await ingress.observe()).toEqual([]);
      await ingress.ensure(route('a'));
      await ingress.ensure(route('b', ['10.0.0.3:80', '10.0.0.4:80'], ['*.b.example.com', 'b.example.com']));
      expect((await ingress.observe()).sort(byId)).toEqual([
        route('a'),
        route('b', ['10.0.0.3:80', '10.0.0.4:80'], ['*.b.example.com', 'b.example.com']),
      ]);
    });

    test('replaces hosts and upstreams, any number of them', async () => {
      for (const count of [1, 3, 0, 11, 20, 10, 2, 12, 1]) {
        await ingress.ensure(route('a', upstreams(count)));
        expect(await ingress.observe()).toEqual([route('a', upstreams(count))]);
      }
      await ingress.ensure(route('a', upstreams(2), ['other.example.com']));
      expect(await ingress.observe()).toEqual([route('a', upstreams(2), ['other.example.com'])]);
    });

    test('ensureAbsent removes one route and may be repeated', async () => {
      await ingress.ensure(route('a'));
      await ingress.ensure(route('b'));
      await ingress.ensureAbsent('a');
      await ingress.ensureAbsent('a');
      await ingress.ensureAbsent('never-there');
      expect(await ingress.observe()).toEqual([route('b')]);
      await ingress.ensure(route('a', []));
      expect((await ingress.observe()).sort(byId)).toEqual([route('a', []), route('b')]);
    });

    test('many changes at once: none is lost', async () => {
      const ids = Array.from({ length: 20 }, (_, index) => `s${String(index).padStart(2, '0')}`);
      await Promise.all(ids.map((id) => ingress.ensure(route(id))));
      await Promise.all(ids.slice(0, 10).map((id) => ingress.ensureAbsent(id)));
      expect((await ingress.observe()).map(({ id }) => id).sort()).toEqual(ids.slice(10));
    });

    test.each([
      '',
      'A.example.com',
      'a b',
      'a..b',
      '-a.example.com',
      'a.*.com',
      '*',
      'a_b.com',
      'ä.de',
      `${'a'.repeat(64)}.com`,
      '{env.HOME}',
      'a:80',
    ])('refuses the host name %p', async (host) => {
      await expect(ingress.ensure(route('a', [], [host]))).rejects.toMatchObject({
        code: 'hostname_invalid',
        status: 400,
      });
      expect(await ingress.observe()).toEqual([]);
    });

    test.each([
      '10.0.0.1',
      '10.0.0.1:0',
      '10.0.0.1:65536',
      '10.0.0.256:80',
      'localhost:80',
      '{http.request.host}:80',
      '10.0.0.1:80/x',
      '[::1]:80',
    ])('refuses the upstream %p', async (upstream) => {
      await expect(ingress.ensure(route('a', [upstream]))).rejects.toMatchObject({
        code: 'upstream_invalid',
        status: 400,
      });
    });

    test.each(['', '../x', 'a/b', 'a*', '.'])('refuses the id %p', async (id) => {
      await expect(ingress.ensure({ ...route('a'), id })).rejects.toMatchObject({ code: 'route_invalid', status: 400 });
    });

    test('a refused route leaves the last good one', async () => {
      await ingress.ensure(route('a'));
      const doubled = ['a.apps.localhost', 'a.apps.localhost'];
      await expect(ingress.ensure(route('a', ['10.9.9.9:80'], doubled))).rejects.toMatchObject({
        code: 'hostname_invalid',
        status: 400,
      });
      expect(await ingress.observe()).toEqual([route('a')]);
    });

    test('a host belongs to the last one that asked for it', async () => {
      await ingress.ensure(route('a', [], ['a.com', 'shared.com']));
      await ingress.ensure(route('b', [], ['shared.com']));
      expect((await ingress.observe()).sort(byId)).toEqual([route('a', [], ['a.com']), route('b', [], ['shared.com'])]);
      await ingress.ensureAbsent('a');
      expect(await ingress.observe()).toEqual([route('b', [], ['shared.com'])]);
    });

    test('hosts that redirect to HTTPS, and hosts changed without their upstreams', async () => {
      await ingress.ensureHosts({ id: 'a', hosts: ['early.com'] });
      expect(await ingress.observe()).toEqual([]);
      await ingress.ensure({ ...route('a'), httpsOnly: ['a.apps.localhost'] });
      expect(await ingress.observe()).toEqual([{ ...route('a'), httpsOnly: ['a.apps.localhost'] }]);
      await ingress.ensureHosts({ id: 'a', hosts: ['a.apps.localhost', 'a.com'], httpsOnly: ['a.com'] });
      const both = { ...route('a', undefined, ['a.apps.localhost', 'a.com']), httpsOnly: ['a.com'] };
      expect(await ingress.observe()).toEqual([both]);
      await ingress.ensureHosts({ id: 'a', hosts: ['a.apps.localhost'] });
      expect(await ingress.observe()).toEqual([route('a')]);
      await ingress.ensureHosts({ id: 'a', hosts: ['a.apps.localhost', 'a.com'] });
      expect(await ingress.observe()).toEqual([route('a', undefined, ['a.apps.localhost', 'a.com'])]);
      await expect(ingress.ensureHosts({ id: 'a', hosts: ['a.com'], httpsOnly: ['b.com'] })).rejects.toMatchObject({
        code: 'route_invalid',
      });
    });

    test('takes own certificates and gives them back', async () => {
      const pem = { chain: '-----BEGIN CERTIFICATE-----', key: '-----BEGIN PRIVATE KEY-----' };
      await ingress.ensureCertificate('a.com', pem);
      await ingress.ensureCertificate('a.com', pem);
      await ingress.ensureCertificate('a.com', null);
      await ingress.ensureCertificate('a.com', null);
      await expect(ingress.ensureCertificate('../a', pem)).rejects.toMatchObject({ code: 'hostname_invalid' });
    });

    test('knows nothing of unknown upstreams', async () => {
      expect(await ingress.inFlight(['10.0.0.2:3000', '10.0.0.3:3000'])).toEqual({
        '10.0.0.2:3000': 0,
        '10.0.0.3:3000': 0,
      });
    });

    test('tells each reader every request once, from its first look on', async () => {
      const [first, second] = [ingress.traffic(), ingress.traffic()];
      expect(await first.read()).toEqual(new Map());
      for (const host of ['a.apps.localhost', 'b.apps.localhost', 'a.apps.localhost']) await subject.visit(host);
      const counts = await readUntil(first, 3);
      expect(counts).toEqual({ 'a.apps.localhost': 2, 'b.apps.localhost': 1 });
      expect(await first.read()).toEqual(new Map());
      expect(await second.read()).toEqual(new Map());
      await subject.visit('a.apps.localhost');
      expect(await readUntil(second, 1)).toEqual({ 'a.apps.localhost': 1 });
      await Promise.all([first.close(), second.close()]);
    });

    test('Unavailable when nothing answers', async () => {
      await subject.takeDown();
      const calls = [
        ingress.ping(),
        ingress.observe(),
        ingress.ensure(route('a')),
        ingress.ensureAbsent('a'),
        ingress.inFlight([]),
      ];
      for (const result of await Promise.allSettled(calls))
        expect(result).toMatchObject({
          status: 'rejected',
          reason: { code: 'ingress_unavailable', status: 503, transient: true },
        });
    });
  });
}

/** A request is told of shortly after it was answered. */
async function readUntil(reader: TrafficReader, count: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const deadline = Date.now() + 40_000; Date.now() < deadline; ) {
    for (const [host, { requests }] of (await reader.read()) ?? []) counts[host] = (counts[host] ?? 0) + requests;
    if (Object.values(counts).reduce((sum, one) => sum + one, 0) >= count) return counts;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not told of ${count} requests: ${JSON.stringify(counts)}`);
}
