/**
 * The configuration that Caddy is started with. It never changes afterwards: host names and replicas are files (route-files.ts) that Caddy
 * looks up at every request, with its file matcher, and dials as dynamic upstreams.
 *
 * Why not routes in the configuration, changed by PATCH: measured on Caddy 2.6.2 (200 requests/s, 50 changes), every config reload
 * - closes every WebSocket of every service (newer versions can delay that with `stream_close_delay`),
 * - closes idle kept connections under requests on their way: about 10 of 1,000 requests failed over HTTP/1.1, 16 over HTTP/2,
 * - resets new connections that wait in the accept queue of the old listener: about 1 of 1,000,
 * - forgets the request counters of upstreams that left, so a drain cannot be observed,
 * - takes 110 ms when there are 1,000 routes (3-5 ms with few).
 * Requests and event streams in flight survive a reload whatever `grace_period` is (none, 1 s, 30 s tried), and the admin call does not wait
 * for them. A new file is seen by the next request: no request of 4,100 failed in 1,350 switches, no WebSocket closed. It costs 10 to 25 us of
 * CPU per request (133-155 instead of 130), whether there is 1 route or 1,000; ensure() until the new answer takes 2 ms, at most 10.
 *
 * Newer versions: the modules used here (file matcher with globs, vars_regexp, dynamic upstreams `a` and `multi`) have the same JSON in
 * Caddy's current source; run on 2.6.2 only.
 */
import { MAX_UPSTREAMS } from '../names.js';
import type { JsonObject } from './json.js';
import { internalRoutes, type TlsOptions, tlsApp } from './tls-config.js';

/** Path in Caddy's configuration of the access log. */
export const ACCESS_LOG_PATH = '/config/logging/logs/access/writer/filename';
/** Caddy's name for the access logs of all servers. */
const ACCESS = 'http.log.access';

/** Path in Caddy's configuration of the folder of route files. */
export const ROUTES_DIR_PATH = '/id/containr-routes/match/0/file/root';

export interface BaseConfigOptions extends TlsOptions {
  /** Absolute path; its folder must be closed to others (the admin API has no password). */
  adminSocket: string;
  httpsPort: number;
  /** Absolute folder of the route files. CaddyIngress learns it from Caddy, so both must run on one machine. */
  routesDir: string;
  /** Absolute path of the access log; without it nobody can tell a service's requests. */
  accessLog?: string;
  /** Absolute folder for the CA, certificates and their locks. Default: Caddy's own. */
  storageDir?: string;
}

/**
 * `grace_period` only matters at the end, as nothing is ever reloaded: without it 2.6.2 did not exit on SIGTERM while a stream was open.
 */
export function baseConfig(options: BaseConfigOptions): JsonObject {
  return {
    // 2.6.2 accepts only an empty Host over a unix socket unless others are listed; Node always sends one.
    admin: { listen: `unix/${options.adminSocket}`, origins: ['', '127.0.0.1'] },
    logging: { logs: { default: { level: 'WARN', exclude: [ACCESS] }, ...accessLog(options) } },
    ...(options.storageDir ? { storage: { module: 'file_system', root: options.storageDir } } : {}),
    apps: {
      pki: { certificate_authorities: { local: { install_trust: false } } },
      tls: tlsApp(options),
      http: {
        http_port: options.httpPort,
        https_port: options.httpsPort,
        grace_period: '5s',
        servers: { containr: server(options) },
      },
    },
  };
}

/** A file of one short line per request, replaced at 64 MB with one predecessor kept, so that it never needs more than 128 MB. */
const ACCESS_LOG_MB = 64;

/**
 * Only host, status and duration: addresses, paths, queries and headers are the users' own affair and never written.
 * The cost per request is in access-log.ts.
 */
function accessLog({ accessLog: filename }: BaseConfigOptions): JsonObject {
  if (!filename) return {};
  const dropped = [
    ...['remote_ip', 'remote_port', 'client_ip', 'proto', 'method', 'uri', 'headers', 'tls'].map(
      (name) => `request>${name}`,
    ),
    ...['user_id', 'size', 'bytes_read', 'resp_headers'],
  ];
  const fields = Object.fromEntries(dropped.map((name) => [name, { filter: 'delete' }]));
  const wrap = { format: 'json', level_key: '', message_key: '', name_key: '', time_key: '' };
  return {
    access: {
      include: [ACCESS],
      level: 'INFO',
      writer: { output: 'file', filename, roll_size_mb: ACCESS_LOG_MB, roll_keep: 1, roll_gzip: false },
      encoder: { format: 'filter', wrap, fields },
    },
  };
}

/** One server for both ports: Caddy leaves TLS off on the port that equals the app's `http_port`. */
function server(options: BaseConfigOptions): JsonObject {
  const addresses = options.bind ?? [''];
  return {
    listen: [options.httpPort, options.httpsPort].flatMap((port) => addresses.map((address) => `${address}:${port}`)),
    protocols: ['h1', 'h2'],
    automatic_https: { disable: true },
    tls_connection_policies: [{}],
    // Time to send the head of a request. Bodies and answers have no limit: uploads and streams may take hours.
    read_header_timeout: '10s',
    ...(options.accessLog ? { logs: {} } : {}),
    idle_timeout: '2m',
    routes: [
      ...internalRoutes(options),
      ...toHttps(options),
      ...exactHost(options.routesDir),
      ...wildcardHost(options.routesDir),
      ...answer(404, NO_SUCH_APP),
    ],
  };
}

const NO_SUCH_APP = { code: 'no such app', message: 'No app is served under this host name.', headers: {} };
const NO_RELEASE = {
  code: 'no running release',
  message: 'This app has no running release. Try again in a moment.',
  headers: { 'Retry-After': ['5'] },
};

/** Hosts with a file of their name in `https-only` answer plain HTTP with a redirect; 308 keeps method and body. */
function toHttps({ routesDir, httpsPort }: BaseConfigOptions): JsonObject[] {
  const wellFormed = { '{http.request.host}': { name: 'plain', pattern: '^[a-z0-9-]+([.][a-z0-9-]+)*$' } };
  const listed = { file: { root: routesDir, try_files: ['/https-only/{http.request.host}'] } };
  const port = httpsPort === 443 ? '' : `:${httpsPort}`;
  const location = `https://{http.request.host}${port}{http.request.uri}`;
  const redirect = { handler: 'static_response', status_code: 308, headers: { Location: [location] } };
  return [{ match: [{ protocol: 'http', vars_regexp: wellFormed, ...listed }], handle: [redirect], terminal: true }];
}

/**
 * Only well-formed names reach the file system: a client cannot name another folder. Host names are compared as they come, and Caddy 2.6
 * cannot lower-case them: browsers and WHATWG URL parsers send lower case, a Host header typed in capitals is an unknown host.
 */
function exactHost(routesDir: string): JsonObject[] {
  const wellFormed = { '{http.request.host}': { name: 'host', pattern: '^[a-z0-9-]+([.][a-z0-9-]+)*$' } };
  const folder = '/hosts/{http.request.host}';
  return [
    { match: [{ vars_regexp: wellFormed }], handle: [subroute(toService(routesDir, folder, 'containr-routes'))] },
  ];
}

/** `*.example.com` holds for exactly one label before `example.com`, as in certificates. */
function wildcardHost(routesDir: string): JsonObject[] {
  const parent = { '{http.request.host}': { name: 'host', pattern: '^[a-z0-9-]+[.]([a-z0-9-]+([.][a-z0-9-]+)*)$' } };
  const folder = '/wildcards/{http.regexp.host.1}';
  return [{ match: [{ vars_regexp: parent }], handle: [subroute(toService(routesDir, folder, 'containr-wildcards'))] }];
}

function toService(root: string, folder: string, id: string): JsonObject[] {
  const counts = Array.from({ length: MAX_UPSTREAMS }, (_, index) => index + 1);
  return [
    {
      '@id': id,
      match: [{ file: { root, try_files: [`${folder}/*`, `${folder}/*/*`] } }],
      handle: [subroute(counts.map(proxyTo))],
    },
    {
      match: [{ file: { root, try_files: [`${folder}/`] } }],
      handle: [subroute(answer(503, NO_RELEASE))],
      terminal: true,
    },
  ];
}

function subroute(routes: JsonObject[]): JsonObject {
  return { handler: 'subroute', routes };
}

const UPSTREAM_PATTERN = '([0-9.]+):([0-9]+)';

/** The proxy for `count` replicas; the addresses come out of the path of the matched file. */
function proxyTo(count: number): JsonObject {
  const pattern = `/[0-9]+_${Array(count).fill(UPSTREAM_PATTERN).join('[,/]')}$`;
  const sources = Array.from({ length: count }, (_, index) => addressFromPath(index));
  return {
    match: [{ vars_regexp: { '{http.matchers.file.relative}': { name: 'upstream', pattern } } }],
    handle: [proxyHandler(count === 1 ? (sources[0] as JsonObject) : { source: 'multi', sources })],
    terminal: true,
  };
}

/** The `a` source resolves a name; a literal address needs no lookup, and is counted in /reverse_proxy/upstreams as itself. */
function addressFromPath(index: number): JsonObject {
  const group = (offset: number) => `{http.regexp.upstream.${2 * index + offset}}`;
  return { source: 'a', name: group(1), port: group(2), refresh: '1h' };
}

/**
 * Retries only what failed to connect, i.e. what no replica has seen, until another replica answers. Left to itself Caddy also repeats a GET
 * whose replica died over it: a request that kills the app would visit every replica, 50 times. (2.6.2 cannot repeat a request with a
 * body at all: its body is closed by the failed dial; such a request gets 502.)
 *
 * No passive health checks: they count failures of single requests, so on 2.6.2 one endpoint that drops connections took both replicas out
 * of the balance and every request of the app got 503 for `fail_duration`. A dead replica leaves when the platform ensures the route.
 *
 * Replicas are drawn by lot, not in turn: the turn is everybody's, so under a steady stream the tries of one request can all fall on the
 * same replica (seen: 5 s of tries, all at one that was gone, then 502). Such a replica's machine or network answers nothing at all, so a try
 * costs the dial timeout: with 250 ms there are about 17 tries, with 1 s there were 5. A living replica takes a connection in milliseconds.
 *
 * `flush_interval` is not set: event streams and answers of unknown length are flushed at once anyway, and -1 makes newer versions go on
 * with the upstream's answer after the client has left. X-Forwarded-* are set by Caddy; what the client sent is dropped, as no proxy is trusted.
 */
function proxyHandler(dynamicUpstreams: JsonObject): JsonObject {
  return {
    handler: 'reverse_proxy',
    dynamic_upstreams: dynamicUpstreams,
    load_balancing: {
      selection_policy: { policy: 'random' },
      try_duration: '5s',
      try_interval: '50ms',
      retry_match: [{ method: ['NONE'] }],
    },
    transport: { protocol: 'http', dial_timeout: '250ms', keep_alive: { max_idle_conns_per_host: 64 } },
  };
}

/** A plain page for browsers, JSON in the API's form for everyone else. */
function answer(status: number, { code, message, headers }: typeof NO_SUCH_APP): JsonObject[] {
  const page = `<!doctype html><meta charset="utf-8"><title>${status} ${code}</title><h1>${status} ${code}</h1><p>${message}</p>\n`;
  const json = `${JSON.stringify({ error: message, code: code.replaceAll(' ', '_'), details: {} })}\n`;
  const reply = (type: string, body: string): JsonObject => ({
    handler: 'static_response',
    status_code: status,
    headers: { ...headers, 'Content-Type': [type], 'Cache-Control': ['no-store'] },
    body,
  });
  return [
    {
      match: [{ header: { Accept: ['*text/html*'] } }],
      handle: [reply('text/html; charset=utf-8', page)],
      terminal: true,
    },
    { handle: [reply('application/json', json)], terminal: true },
  ];
}
