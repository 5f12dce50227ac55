/** Under which names a service is reached. */
import type { Route } from '#drivers/ingress/port.js';
import type { Config } from '#platform/config.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import { serviceHost } from './services.view.js';

/** Its host below the base domain, then its custom domains. */
export async function routeHosts(
  db: Tx,
  service: { id: string; slug: string },
  config: Config,
): Promise<Pick<Route, 'hosts' | 'httpsOnly'>> {
  const domains = await db.domain.findMany({
    where: { serviceId: service.id, deletedAt: null },
    select: { hostname: true, redirectHttps: true },
    orderBy: { hostname: 'asc' },
  });
  return hostsOf(serviceHost(service.slug, config), domains);
}

export function hostsOf(
  own: string,
  domains: { hostname: string; redirectHttps: boolean }[],
): Pick<Route, 'hosts' | 'httpsOnly'> {
  // The redirect of a wildcard would need a rule per name: the ingress knows it for exact hosts only.
  const httpsOnly = domains.filter((one) => one.redirectHttps && !one.hostname.startsWith('*.'));
  return {
    hosts: [own, ...domains.map(({ hostname }) => hostname)],
    ...(httpsOnly.length ? { httpsOnly: httpsOnly.map(({ hostname }) => hostname) } : {}),
  };
}

/** Which service each of these hosts leads to, as the ingress decides it: the exact name, else a wildcard for its first label. */
export async function servicesAt(db: Tx, hosts: string[], config: Config): Promise<Map<string, string>> {
  if (hosts.length === 0) return new Map();
  const suffix = serviceHost('', config);
  const slugs = hosts.filter((host) => host.endsWith(suffix)).map((host) => host.slice(0, -suffix.length));
  const names = [...new Set([...hosts, ...hosts.map(wildcardOf)])];
  const rows = await db.$queryRaw<{ host: string; id: string }[]>`
    SELECT slug || ${suffix} AS host, id FROM services WHERE slug = ANY(${slugs}) AND deleted_at IS NULL
    UNION ALL SELECT hostname, service_id FROM domains WHERE hostname = ANY(${names}) AND deleted_at IS NULL`;
  const known = new Map(rows.map(({ host, id }) => [host, id]));
  const found = hosts.map((host) => [host, known.get(host) ?? known.get(wildcardOf(host))] as const);
  return new Map(found.filter((one): one is [string, string] => one[1] !== undefined));
}

function wildcardOf(host: string): string {
  return `*.${host.slice(host.indexOf('.') + 1)}`;
}
