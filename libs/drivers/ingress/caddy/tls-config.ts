/**
 * Certificates without ever changing Caddy's configuration (base-config.ts says why that matters). Three kinds:
 *
 * - the base domain: one wildcard certificate of Caddy's own CA, made at the start;
 * - any other host that has a route: made during the first handshake ("on demand"), by ACME or Caddy's own CA. Caddy first asks the address
 *   under {@link askRoutes}, which looks for the route's file, so nobody can make it issue certificates for names that nothing serves;
 * - an own certificate: a PEM file that Caddy fetches from {@link certificateRoutes} during the handshake.
 *
 * Both addresses are answered by the same Caddy, on loopback, below a path that only this installation knows: neither needs the API, so
 * apps are served while the platform is down.
 *
 * Caddy 2.6.2 keeps what it made itself in memory and looks there first, so an own certificate that replaces an automatic one waits until
 * that one is due for renewal: then Caddy asks, hears that it may not have one any more, drops the old one and fetches the own. (Answered
 * with yes it would renew the automatic one for ever.) A reload of the configuration, of the tls app alone too, shows the own certificate
 * at once but closes every WebSocket of every service: measured, not done. Nothing else in the admin API reaches that memory.
 */
import type { Json, JsonObject } from './json.js';

/** Path in Caddy's configuration of the folder of own certificates. */
export const CERTIFICATES_DIR_PATH = '/id/containr-certificates/root';

/** https://caddyserver.com/docs/json/apps/tls/automation/policies/issuers/acme/ */
export interface AcmeOptions {
  /** Told to the CA, for notices. */
  email?: string;
  /** Directory URL; default: the one of Let's Encrypt. */
  directory?: string;
  /** PEM file with the root that the directory's own TLS certificate is checked against. */
  caFile?: string;
}

/**
 * Certificates of Caddy's own CA last 12 hours; due when this part of it is left, an hour after they were made. They cost a signature and
 * three small files, and only hosts that are visited are renewed.
 */
const OWN_CA_RENEWAL = 11 / 12;

export interface TlsOptions {
  baseDomain: string;
  httpPort: number;
  bind?: string[];
  /** Absolute folder of `<host>.pem`: chain and key of own certificates. */
  certificatesDir: string;
  /** Part of the path of the two internal addresses. */
  internalToken: string;
  /** Unset: Caddy's own CA. */
  acme?: AcmeOptions;
}

/** Names that no public CA gives certificates for (RFC 6761, RFC 6762, RFC 8375; `internal` is reserved by ICANN). */
const LOCAL = /(^|\.)(localhost|local|internal|test|example|invalid|home\.arpa)$/;

export function isLocalDomain(domain: string): boolean {
  return LOCAL.test(domain) || !domain.includes('.');
}

export function tlsApp(options: TlsOptions): JsonObject {
  const { baseDomain, acme } = options;
  const own = internal(`*.${baseDomain}`);
  // ACME gives a wildcard only against a DNS challenge: each host of the base domain gets its own certificate then.
  const wildcard = !acme || isLocalDomain(baseDomain);
  return {
    ...(wildcard ? { certificates: { automate: [`*.${baseDomain}`] } } : {}),
    automation: {
      on_demand: { ask: `${internalUrl(options)}/ask` },
      policies: [
        ...(wildcard ? [own] : []),
        {
          on_demand: true,
          get_certificate: [{ via: 'http', url: `${internalUrl(options)}/certificate` }],
          // An ACME CA limits how often it is asked: Caddy's default there, a third of the certificate's time.
          ...(acme ? {} : { renewal_window_ratio: OWN_CA_RENEWAL }),
          issuers: [acme ? acmeIssuer(acme) : { module: 'internal' }],
        },
      ],
    },
  };
}

function internal(subject: string): JsonObject {
  return { subjects: [subject], issuers: [{ module: 'internal' }] };
}

function acmeIssuer({ email, directory, caFile }: AcmeOptions): JsonObject {
  return {
    module: 'acme',
    ...(email ? { email } : {}),
    ...(directory ? { ca: directory } : {}),
    ...(caFile ? { trusted_roots_pem_files: [caFile] } : {}),
  };
}

function internalHost({ bind }: Pick<TlsOptions, 'bind'>): string {
  return bind?.[0] ?? '127.0.0.1';
}

function internalUrl(options: TlsOptions): string {
  return `http://${internalHost(options)}:${options.httpPort}/${options.internalToken}`;
}

interface AskOptions extends TlsOptions {
  routesDir: string;
}

/** What Caddy asks itself, before all routes of services. */
export function internalRoutes(options: AskOptions): JsonObject[] {
  const from = { remote_ip: { ranges: ['127.0.0.0/8', '::1', internalHost(options)] } };
  const below = (path: string) => ({ ...from, path: [`/${options.internalToken}/${path}`] });
  const subroute = (routes: JsonObject[]): Json => ({ handler: 'subroute', routes });
  return [
    { match: [below('ask')], handle: [subroute(askRoutes(options))], terminal: true },
    { match: [below('certificate')], handle: [subroute(certificateRoutes(options.certificatesDir))], terminal: true },
  ];
}

/** 200 when a route has the host, exactly or by a wildcard one label up, and it has no own certificate. */
function askRoutes({ routesDir: root, certificatesDir }: AskOptions): JsonObject[] {
  const name = '{http.request.uri.query.domain}';
  const parent = { [name]: { name: 'ask', pattern: '^[a-z0-9-]+[.]([a-z0-9-]+([.][a-z0-9-]+)*)$' } };
  const wellFormed = { [name]: { name: 'asked', pattern: '^[a-z0-9-]+([.][a-z0-9-]+)*$' } };
  const exists = (path: string, folder = root) => ({ file: { root: folder, try_files: [path] } });
  const own = { vars_regexp: wellFormed, ...exists(`/${name}.pem`, certificatesDir) };
  return [
    { match: [own], handle: [status(409)], terminal: true },
    { match: [{ vars_regexp: wellFormed, ...exists(`/hosts/${name}/`) }], handle: [status(200)], terminal: true },
    { match: [{ vars_regexp: parent }], handle: [wildcardAsk(root)], terminal: true },
    { handle: [status(404)] },
  ];
}

function wildcardAsk(root: string): JsonObject {
  const found = { file: { root, try_files: ['/wildcards/{http.regexp.ask.1}/'] } };
  return {
    handler: 'subroute',
    routes: [{ match: [found], handle: [status(200)], terminal: true }, { handle: [status(404)] }],
  };
}

/** 204 = no own certificate: Caddy goes on by itself (https://caddyserver.com/docs/json/apps/tls/automation/policies/get_certificate/http/). */
function certificateRoutes(root: string): JsonObject[] {
  const name = '{http.request.uri.query.server_name}';
  const wellFormed = { [name]: { name: 'sni', pattern: '^[a-z0-9-]+([.][a-z0-9-]+)*$' } };
  const file = { file: { root, try_files: [`/${name}.pem`] } };
  const serve: JsonObject[] = [
    { handler: 'rewrite', uri: '{http.matchers.file.relative}' },
    { '@id': 'containr-certificates', handler: 'file_server', root },
  ];
  return [{ match: [{ vars_regexp: wellFormed, ...file }], handle: serve, terminal: true }, { handle: [status(204)] }];
}

function status(code: number): JsonObject {
  return { handler: 'static_response', status_code: code };
}
