/** Looks again at the DNS of domains that did not lead here yet: often at first, at most hourly later. */
import { Inject, Injectable } from '@nestjs/common';
import { serviceHost } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { DnsCheck } from './dns-check.js';
import { checked } from './domains.service.js';

/** Per round; the rest waits for the next one. */
const BATCH = 50;

@Injectable()
export class DomainChecks {
  constructor(
    private readonly db: PrismaService,
    private readonly dns: DnsCheck,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @returns how many were looked at. */
  async round(): Promise<number> {
    const due = await this.db.$queryRaw<{ id: string; hostname: string; slug: string }[]>`
      SELECT d.id, d.hostname, s.slug FROM domains d JOIN services s ON s.id = d.service_id
      WHERE d.status = 'pending' AND d.deleted_at IS NULL
        AND (d.checked_at IS NULL OR d.checked_at < now() - least(interval '1 hour', greatest(interval '1 minute', (now() - d.created_at) / 10)))
      ORDER BY d.checked_at NULLS FIRST LIMIT ${BATCH}`;
    for (const { id, hostname, slug } of due) {
      const check = await this.dns.check(hostname, serviceHost(slug, this.config));
      await this.db.domain.updateMany({ where: { id, deletedAt: null }, data: checked(check) });
    }
    return due.length;
  }
}
