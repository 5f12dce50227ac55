/** Checks of what reaches the ingress' configuration. Everything else that looks like a host or an address is refused here, with a reason. */
import { isIPv4 } from 'node:net';
import { Invalid } from '#platform/errors.js';
import type { Route } from './port.js';

/** Upstreams of one route. Bounded by the length of a file name, see caddy/upstream-files.ts; services have at most as many replicas. */
export const MAX_UPSTREAMS = 20;

const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
const SERVICE_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** @throws Invalid `hostname_invalid`, `upstream_invalid`, `route_invalid`. */
export function requireRoute(route: Route): Route {
  requireHosts(route);
  if (route.upstreams.length > MAX_UPSTREAMS)
    throw new Invalid('upstream_invalid', `A route holds at most ${MAX_UPSTREAMS} upstreams.`);
  route.upstreams.forEach(requireUpstream);
  return route;
}

/** @throws Invalid `hostname_invalid`, `route_invalid`. */
export function requireHosts({ id, hosts, httpsOnly = [] }: Pick<Route, 'id' | 'hosts' | 'httpsOnly'>): void {
  if (!SERVICE_ID.test(id)) throw new Invalid('route_invalid', 'A route is named by a service id.');
  if (new Set(hosts).size !== hosts.length) throw new Invalid('hostname_invalid', 'A route names a host twice.');
  if (hosts.length === 0) throw new Invalid('hostname_invalid', 'A route needs at least one host name.');
  hosts.forEach(requireHostname);
  if (httpsOnly.some((host) => !hosts.includes(host)))
    throw new Invalid('route_invalid', 'Only a host of the route can be redirected to HTTPS.');
}

/**
 * Letters, digits and hyphens (RFC 1123, punycode for anything else), lower case, at most 253 characters; the first label may be `*`.
 * @throws Invalid `hostname_invalid`
 */
export function requireHostname(host: string): string {
  const labels = (host.startsWith('*.') ? host.slice(2) : host).split('.');
  if (host.length <= 253 && labels.every((label) => LABEL.test(label))) return host;
  throw new Invalid(
    'hostname_invalid',
    `"${host.slice(0, 80)}" is not a host name: use lower-case letters, digits and hyphens.`,
    {
      details: { host: host.slice(0, 253) },
    },
  );
}

/** @throws Invalid `upstream_invalid` unless `a.b.c.d:port`. */
export function requireUpstream(upstream: string): string {
  const [address = '', port = '', ...rest] = upstream.split(':');
  const number = /^[1-9][0-9]{0,4}$/.test(port) ? Number(port) : 0;
  if (rest.length === 0 && isIPv4(address) && number >= 1 && number <= 65535) return upstream;
  throw new Invalid('upstream_invalid', `"${upstream.slice(0, 80)}" is not an IPv4 address with a port.`);
}
