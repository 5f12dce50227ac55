/**
 * Ingress on Caddy without config reloads: routes are files that Caddy reads per request (base-config.ts says why, with measurements), the
 * admin API tells where they are, whether Caddy lives, and how many requests are in flight.
 *
 * Facts, measured on 2.6.2: after ensure() the next request takes the new route; no request, stream or WebSocket of any service is
 * disturbed by any change; requests in flight go on with the old replicas and stay in `inFlight` until they end. Routes survive a crash
 * of Caddy. Caddy restarted with an empty configuration is given its base again by the next ensure, and with it every route.
 */
import { Unavailable } from '#platform/errors.js';
import { requireHostname, requireHosts, requireRoute } from '../names.js';
import type { Ingress, OwnCertificate, Route, TrafficReader } from '../port.js';
import { AccessLog } from './access-log.js';
import { type AdminAnswer, type AdminOptions, CaddyAdmin } from './admin-client.js';
import { ACCESS_LOG_PATH, ROUTES_DIR_PATH } from './base-config.js';
import { CertificateFiles } from './certificate-files.js';
import type { JsonObject } from './json.js';
import { RouteFiles } from './route-files.js';
import { CERTIFICATES_DIR_PATH } from './tls-config.js';

export interface CaddyIngressOptions extends AdminOptions {
  /** What baseConfig() gave for this Caddy. Loaded when Caddy is found without any http configuration; without it that is an error. */
  base?: JsonObject;
}

export class CaddyIngress implements Ingress {
  private readonly admin: CaddyAdmin;
  private readonly base: JsonObject | undefined;

  constructor(options: CaddyIngressOptions) {
    this.admin = new CaddyAdmin(options);
    this.base = options.base;
  }

  async ping(): Promise<void> {
    const answer = await this.admin.get('/config/admin');
    if (answer.status !== 200) throw unexpected(answer);
  }

  /** What Caddy serves now: nothing when it runs without our configuration. */
  async observe(): Promise<Route[]> {
    const files = await this.findFiles();
    return files ? files.observe() : [];
  }

  async ensure(route: Route): Promise<void> {
    requireRoute(route);
    await (await this.requireFiles()).ensure(route);
  }

  async ensureAbsent(id: string): Promise<void> {
    await (await this.requireFiles()).ensureAbsent(id);
  }

  async ensureHosts(route: Pick<Route, 'id' | 'hosts' | 'httpsOnly'>): Promise<void> {
    requireHosts(route);
    await (await this.requireFiles()).ensureHosts(route);
  }

  /** A file that Caddy fetches at the next handshake: see tls-config.ts for what it has in memory until then. */
  async ensureCertificate(host: string, certificate: OwnCertificate | null): Promise<void> {
    await (await this.requireCertificates()).ensure(requireHostname(host), certificate);
  }

  /** Counted by Caddy per address while a request, stream or WebSocket is open, whether a route still uses the address or not. */
  async inFlight(upstreams: string[]): Promise<Record<string, number>> {
    const answer = await this.admin.get('/reverse_proxy/upstreams');
    if (answer.status !== 200) throw unexpected(answer);
    const known = JSON.parse(answer.body) as { address: string; num_requests: number }[];
    const counts = new Map(known.map(({ address, num_requests }) => [address, num_requests]));
    return Object.fromEntries(upstreams.map((upstream) => [upstream, counts.get(upstream) ?? 0]));
  }

  traffic(): TrafficReader {
    return new AccessLog(() => this.accessLog());
  }

  private async findFiles(): Promise<RouteFiles | null> {
    const dir = await this.folder(ROUTES_DIR_PATH);
    return dir === null ? null : new RouteFiles(dir);
  }

  /** Caddy says where it looks, so the two can never disagree; asked every time, as that also proves that it serves. */
  private async folder(configPath: string): Promise<string | null> {
    const answer = await this.admin.get(configPath);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw unexpected(answer);
    return JSON.parse(answer.body) as string;
  }

  /** Null for a Caddy that was started without one. 2.6.2 answers a path that leads nowhere with 400 or with null. */
  private async accessLog(): Promise<string | null> {
    const answer = await this.admin.get(ACCESS_LOG_PATH);
    return answer.status === 200 ? (JSON.parse(answer.body) as string | null) : null;
  }

  private async requireCertificates(): Promise<CertificateFiles> {
    await this.requireFiles();
    return new CertificateFiles((await this.folder(CERTIFICATES_DIR_PATH)) ?? '');
  }

  private async requireFiles(): Promise<RouteFiles> {
    const files = await this.findFiles();
    if (files) return files;
    await this.loadBase();
    const loaded = await this.findFiles();
    if (loaded) return loaded;
    throw new Unavailable(
      'ingress_not_configured',
      'The ingress (Caddy) does not serve the configuration of Containr. Restart it.',
    );
  }

  /** Never over a configuration of somebody else, and only once however many processes try (If-Match). */
  private async loadBase(): Promise<void> {
    const now = await this.admin.get('/config/');
    const config = JSON.parse(now.body || 'null') as { apps?: { http?: unknown } } | null;
    if (!this.base || config?.apps?.http) return;
    const answer = await this.admin.call({ method: 'POST', path: '/config/', body: this.base, ifMatch: now.etag });
    if (answer.status !== 200 && answer.status !== 412) throw unexpected(answer);
  }
}

function unexpected(answer: AdminAnswer): Unavailable {
  return new Unavailable('ingress_unavailable', 'The ingress (Caddy) answered with an error. Look at its log.', {
    cause: new Error(`${answer.status} ${answer.body.slice(0, 500)}`),
  });
}
