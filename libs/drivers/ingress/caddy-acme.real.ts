/** Certificates by ACME, from a real ACME server: the order, the challenge and the certificate that a visitor is shown. */
import { readFile } from 'node:fs/promises';
import tls from 'node:tls';
import { CaddyIngress } from './caddy/caddy-ingress.js';
import { AcmeServer, whyNoAcmeServer } from './testing/acme-server.js';
import { CaddyProcess } from './testing/caddy-process.js';
import { Upstream } from './testing/traffic.js';

const CUSTOM = 'shop.customer.test';
const BELOW_BASE = 'web-1.apps.example.com';
const STRANGER = 'stranger.test';
const reason = whyNoAcmeServer();
if (reason) process.stdout.write(`skipped: ${reason}\n`);

(reason ? describe.skip : describe)('ACME', () => {
  let authority: AcmeServer;
  let caddy: CaddyProcess;
  let app: Upstream;
  let ca: string;

  beforeEach(async () => {
    authority = await AcmeServer.start([CUSTOM, BELOW_BASE, STRANGER]);
    ca = await readFile(authority.rootFile, 'utf8');
    app = await Upstream.start('app');
    const acme = { directory: authority.directory, caFile: authority.rootFile, email: 'ops@example.com' };
    caddy = await CaddyProcess.start({ baseDomain: 'apps.example.com', acme });
    authority.ingress = caddy;
  });
  afterEach(async () => {
    await caddy?.stop();
    await app?.stop();
    await authority?.stop();
  });

  const serve = (hosts: string[]) =>
    new CaddyIngress({ admin: caddy.admin }).ensure({ id: 'a', hosts, upstreams: [app.address] });

  /** What a client is shown that trusts the ACME server's root only. @throws when the handshake fails */
  function certificateOf(host: string): Promise<tls.PeerCertificate> {
    return new Promise((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port: caddy.httpsPort, servername: host, ca }, () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }

  /** Leaves Caddy one challenge: of two it draws one by lot. */
  async function without(challenge: 'http' | 'tls-alpn'): Promise<void> {
    // biome-ignore lint/suspicious/noExplicitAny: Caddy's own JSON
    const { policies } = (caddy.config as any).apps.tls.automation;
    for (const { issuers } of policies)
      for (const issuer of issuers) issuer.challenges = { [challenge]: { disabled: true } };
    await caddy.restart('base');
  }

  const connections = (port: number) => authority.validations.filter((each) => each.port === port);

  test('HTTP-01: a custom host and a host of a public base domain get their certificates at the first handshake', async () => {
    await without('tls-alpn');
    await serve([CUSTOM, BELOW_BASE]);
    for (const host of [CUSTOM, BELOW_BASE]) {
      const shown = await certificateOf(host);
      expect([shown.subjectaltname, shown.issuer.CN]).toEqual([`DNS:${host}`, expect.stringMatching(/^Test ACME/)]);
      const asked = connections(80).filter(({ text }) => text.includes(`Host: ${host}\r\n`));
      expect(asked.map(({ text }) => text.split(' ')[1])).toContainEqual(
        expect.stringMatching(/^\/\.well-known\/acme-challenge\/\w+/),
      );
    }
  });

  test('TLS-ALPN-01: a custom host gets its certificate at the first handshake', async () => {
    await without('http');
    await serve([CUSTOM]);
    expect((await certificateOf(CUSTOM)).issuer.CN).toMatch(/^Test ACME/);
    const asked = connections(443).map(({ text }) => [text.includes(CUSTOM), text.includes('acme-tls/1')]);
    expect(asked).toContainEqual([true, true]);
  });

  test('a name that leads here but that nothing serves gets none, and the ACME server is not asked for one', async () => {
    await serve([CUSTOM]);
    const before = authority.visits;
    await expect(certificateOf(STRANGER)).rejects.toThrow();
    expect(authority.visits).toBe(before);
    expect(authority.validations).toEqual([]);
    await certificateOf(CUSTOM);
    expect(authority.visits).toBeGreaterThan(before);
  });
});
