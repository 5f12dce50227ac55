/** Custom host names. Each change is one transaction and a run that takes it to the ingress; the DNS check before it only informs. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { CreateDomainRequest, DnsCheckView, DomainView, UpdateDomainRequest } from '#contracts/domains.js';
import { recordAudit } from '#features/audit/index.js';
import { requireService, type ServiceRow, serviceHost } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Conflict, Invalid } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { PrismaService, type Tx, uniqueViolation } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { RunQueue } from '#workflows/run-queue.js';
import { createRun } from '#workflows/runs.queries.js';
import { requireCertificate } from './certificates.js';
import { DnsCheck } from './dns-check.js';
import { type DomainRow, domainView } from './domains.view.js';
import { DOMAINS, domainsLock } from './domains.workflow.js';

@Injectable()
export class DomainsService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly dns: DnsCheck,
    private readonly queue: RunQueue,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async list(caller: Caller, serviceId: string): Promise<{ domains: DomainView[] }> {
    await requireService(this.db, caller, serviceId);
    const rows = await this.db.domain.findMany({ where: { serviceId, deletedAt: null }, orderBy: { hostname: 'asc' } });
    return { domains: rows.map(domainView) };
  }

  async get(caller: Caller, serviceId: string, id: string): Promise<DomainView> {
    return domainView(await this.require(this.db, caller, serviceId, id));
  }

  /** @throws Invalid `domain_reserved`, `domain_needs_web`, `certificate_invalid`; Conflict `domain_taken`. */
  async create(caller: Caller, serviceId: string, request: CreateDomainRequest): Promise<DomainView> {
    const service = await requireService(this.db, caller, serviceId);
    this.requireUsable(service, request.hostname);
    const id = randomUUID();
    const tls = this.tlsColumns(id, request.hostname, request);
    const check = await this.dns.check(request.hostname, this.target(service));
    const data = {
      id,
      serviceId,
      hostname: request.hostname,
      redirectHttps: request.redirect_https,
      ...tls,
      ...checked(check),
    };
    const row = await this.changed(caller, serviceId, async (tx) => {
      await giveUpUnproven(tx, request.hostname, check);
      return tx.domain.create({ data });
    });
    return domainView(row);
  }

  /** @throws Invalid `certificate_invalid`. */
  async update(caller: Caller, serviceId: string, id: string, request: UpdateDomainRequest): Promise<DomainView> {
    const { hostname } = await this.require(this.db, caller, serviceId, id);
    const tls = request.tls === 'automatic' ? NO_CERTIFICATE : this.tlsColumns(id, hostname, request);
    const row = await this.changed(caller, serviceId, async (tx) => {
      await this.require(tx, caller, serviceId, id);
      return tx.domain.update({ where: { id }, data: { redirectHttps: request.redirect_https, ...tls } });
    });
    return domainView(row);
  }

  async remove(caller: Caller, serviceId: string, id: string): Promise<void> {
    await this.changed(caller, serviceId, async (tx) => {
      await this.require(tx, caller, serviceId, id);
      return tx.domain.update({ where: { id }, data: { deletedAt: new Date() } });
    });
  }

  /** Looks again now. */
  async check(caller: Caller, serviceId: string, id: string): Promise<DomainView> {
    const service = await requireService(this.db, caller, serviceId);
    const { hostname } = await this.require(this.db, caller, serviceId, id);
    const check = await this.dns.check(hostname, this.target(service));
    return domainView(await this.db.domain.update({ where: { id }, data: checked(check) }));
  }

  private async require(db: Tx, caller: Caller, serviceId: string, id: string): Promise<DomainRow> {
    await requireService(db, caller, serviceId);
    const row = await db.domain.findFirst({ where: { id, serviceId, deletedAt: null } });
    if (!row) throw notFound('domain');
    return row;
  }

  private async changed(caller: Caller, serviceId: string, change: (tx: Tx) => Promise<DomainRow>): Promise<DomainRow> {
    const runId = randomUUID();
    const row = await this.db
      .$transaction(async (tx) => {
        const { projectId } = await requireService(tx, caller, serviceId);
        const after = await change(tx);
        await createRun(tx, { id: runId, workflow: DOMAINS, subjectId: serviceId, lockKey: domainsLock(serviceId) });
        await recordAudit(tx, caller, auditEntry(after, projectId));
        return after;
      })
      .catch(explainTaken);
    this.queue.nudge(runId);
    return row;
  }

  private target({ slug }: ServiceRow): string {
    return serviceHost(slug, this.config);
  }

  private requireUsable({ type }: ServiceRow, hostname: string): void {
    if (type !== 'web')
      throw new Invalid(
        'domain_needs_web',
        'Only a web service answers requests: a worker or cron service has no domain.',
      );
    const base = this.config.CONTAINR_BASE_DOMAIN;
    if (hostname === base || hostname.endsWith(`.${base}`)) {
      throw new Invalid('domain_reserved', `Names below ${base} are given by the platform: use a domain of your own.`);
    }
  }

  /** Nothing when no certificate was given. @throws Invalid `certificate_invalid`. */
  private tlsColumns(id: string, hostname: string, request: { certificate?: string; private_key?: string }) {
    const { certificate, private_key: key } = request;
    if (!certificate && !key) return {};
    if (!certificate || !key)
      throw new Invalid('certificate_invalid', 'An own certificate needs both fields: certificate and private_key.');
    requireCertificate(hostname, certificate, key);
    return { tls: 'custom', certificate, privateKey: this.box.seal(key, `domain:${id}`) };
  }
}

const NO_CERTIFICATE = { tls: 'automatic', certificate: null, privateKey: null };

export function checked(check: DnsCheckView) {
  return { lastCheck: check, checkedAt: new Date(check.checked_at), status: check.ok ? 'active' : 'pending' };
}

/** Whoever's DNS names this very service is the owner: a name that somebody else only reserved is given up. */
async function giveUpUnproven(tx: Tx, hostname: string, check: DnsCheckView): Promise<void> {
  if (!check.found.cname.includes(check.expected.cname)) return;
  await tx.domain.updateMany({
    where: { hostname, status: 'pending', deletedAt: null },
    data: { deletedAt: new Date() },
  });
}

function auditEntry(row: DomainRow, projectId: string) {
  const { id, hostname, tls, redirectHttps, deletedAt } = row;
  const created = row.createdAt.getTime() === row.updatedAt.getTime();
  return {
    resource: 'domain',
    resourceId: id,
    projectId,
    action: deletedAt ? 'delete' : created ? 'create' : 'update',
    after: { hostname, tls, redirect_https: redirectHttps },
  };
}

function explainTaken(error: unknown): never {
  if (!uniqueViolation(error)?.includes('hostname')) throw error;
  throw new Conflict(
    'domain_taken',
    'Another service has this domain. Remove it there, or point a CNAME record at this service first to prove that it is yours.',
  );
}
