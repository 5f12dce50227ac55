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
