/** The route of a service at the ingress: its host names, its certificates, and the replicas that answer. Idempotent. */
import { Inject, Injectable } from '@nestjs/common';
import type { Ingress } from '#drivers/ingress/port.js';
import { INGRESS } from '#drivers/tokens.js';
import { routeHosts } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';

@Injectable()
export class Routes {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    @Inject(INGRESS) private readonly ingress: Ingress,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** New requests go to `upstreams` when this resolves; none = the ingress answers 503. */
  async point(service: { id: string; slug: string }, upstreams: string[]): Promise<void> {
    const hosts = await routeHosts(this.db, service, this.config);
    await this.ingress.ensure({ id: service.id, ...hosts, upstreams });
  }

  async remove(serviceId: string): Promise<void> {
    await this.ingress.ensureAbsent(serviceId);
    await this.dropCertificates(serviceId);
  }

  /** Takes over what changed in the service's domains; a service without a route gets them with its first release. */
  async rename(serviceId: string): Promise<void> {
    const service = await this.db.service.findFirst({ where: { id: serviceId, deletedAt: null } });
    if (!service) return this.remove(serviceId);
    await this.giveCertificates(serviceId);
    await this.ingress.ensureHosts({ id: serviceId, ...(await routeHosts(this.db, service, this.config)) });
    await this.dropCertificates(serviceId);
  }

  /** Before the host is routed, so that its first handshake already finds it. */
  private async giveCertificates(serviceId: string): Promise<void> {
    const own = await this.db.domain.findMany({ where: { serviceId, deletedAt: null, tls: 'custom' } });
    for (const { id, hostname, certificate, privateKey } of own) {
      const key = this.box.open(privateKey ?? '', `domain:${id}`);
      await this.ingress.ensureCertificate(hostname, { chain: certificate ?? '', key });
    }
  }

  private async dropCertificates(serviceId: string): Promise<void> {
    const all = await this.db.domain.findMany({
      where: { serviceId },
      distinct: ['hostname'],
      select: { hostname: true },
    });
    const names = all.map(({ hostname }) => hostname);
    const used = await this.db.domain.findMany({
      where: { hostname: { in: names }, deletedAt: null, tls: 'custom' },
      select: { hostname: true },
    });
    const keep = new Set(used.map(({ hostname }) => hostname));
    for (const name of names) if (!keep.has(name)) await this.ingress.ensureCertificate(name, null);
  }
}
