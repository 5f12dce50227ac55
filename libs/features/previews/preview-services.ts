/** The service that shows a pull request: a copy of its parent, without volumes, that nothing but its preview deploys. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ServiceSource } from '#contracts/service-source.js';
import { triggerSettings } from '#contracts/service-triggers.js';
import { type AuditActor, recordAudit } from '#features/audit/index.js';
import { DeploymentsService } from '#features/deployments/index.js';
import {
  auditedService,
  hostLabel,
  openVariables,
  removeServices,
  serviceInclude,
  variableAad,
} from '#features/services/index.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { RunQueue } from '#workflows/run-queue.js';
import { mayBuild, type Overrides, overridesOf, type PreviewRow, previewInclude } from './previews.view.js';

@Injectable()
export class PreviewServices {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly queue: RunQueue,
    private readonly deployments: DeploymentsService,
  ) {}

  /**
   * Makes the service when it is not there yet, and deploys the head when that was not done. Idempotent.
   * @param actor who allowed it; null = the platform itself. @returns the deployment made
   */
  async deploy(previewId: string, actor: AuditActor = null): Promise<string | null> {
    const row = await this.db.$transaction((tx) => this.ensureService(tx, actor, previewId));
    if (!row?.serviceId) return null;
    const parent = await this.db.service.findUniqueOrThrow({ where: { id: row.parentId }, include: { project: true } });
    const service = { id: row.serviceId, ownerId: parent.project.ownerId };
    const deployment = await this.deployments.automatic(service, actor, async (tx) => {
      // Read again with the service locked: a push may have taken the approval away.
      const now = await tx.preview.findUnique({ where: { id: previewId } });
      if (!now || now.closedAt || !mayBuild(now)) return null;
      const made = { serviceId: row.serviceId as string, commitHash: now.headCommit };
      if ((await tx.deployment.count({ where: made })) > 0) return null;
      const { branch, headCommit: commit, number } = now;
      return { branch, commit, subject: now.title, cancelBuilds: true, cause: { pull_request: number } };
    });
    return deployment?.id ?? null;
  }

  /** What it shows goes with it. Idempotent. */
  async close(previewId: string, reason: string): Promise<void> {
    const runs = await this.db.$transaction(async (tx) => {
      const row = await lockPreview(tx, previewId);
      if (!row || row.closedAt) return [];
      await tx.preview.update({ where: { id: previewId }, data: { closedAt: new Date(), closeReason: reason } });
      const where = { id: row.serviceId ?? '', deletedAt: null };
      const service = row.serviceId ? await tx.service.findFirst({ where, include: serviceInclude }) : null;
      if (!service) return [];
      const removal = await removeServices(tx, [service.id]);
      await recordAudit(tx, null, auditedService('delete', service, null));
      return removal;
    });
    for (const run of runs) this.queue.nudge(run);
  }

  private async ensureService(tx: Tx, actor: AuditActor, previewId: string): Promise<PreviewRow | null> {
    const row = await lockPreview(tx, previewId);
    if (!row || row.closedAt || !mayBuild(row)) return null;
    if (row.serviceId) return this.follow(tx, row);
    const parent = await tx.service.findFirst({ where: { id: row.parentId, deletedAt: null } });
    if (!parent) return null;
    const id = randomUUID();
    const earlier = await tx.preview.count({
      where: { parentId: row.parentId, number: row.number, closedAt: { not: null } },
    });
    // The row of an earlier preview of the same pull request keeps its slug.
    const suffix = `pr-${row.number}${earlier > 0 ? `-${earlier + 1}` : ''}`;
    const name = `${parent.name.slice(0, 80)}-${suffix}`;
    const alias = `${hostLabel(parent.name)}-${suffix}`;
    const { projectId, type, resources, buildConfig, port, healthCheckPath, settings } = parent;
    await tx.service.create({
      data: {
        id,
        projectId,
        type,
        name,
        alias,
        slug: `${parent.slug}-${suffix}`,
        source: this.sourceOf(parent.source as ServiceSource, row),
        buildConfig: buildConfig ?? {},
        resources: resources ?? {},
        port,
        healthCheckPath,
        settings: settings ?? {},
        triggers: triggerSettings.parse({ auto_deploy: false }),
      },
    });
    await this.copyVariables(tx, row, id);
    const created = await tx.service.findUniqueOrThrow({ where: { id }, include: serviceInclude });
    await recordAudit(tx, actor, auditedService('create', null, created));
    return tx.preview.update({ where: { id: previewId }, data: { serviceId: id }, include: previewInclude });
  }

  /** The head may have moved to another branch or, with its fork, to another repository. */
  private async follow(tx: Tx, row: PreviewRow): Promise<PreviewRow> {
    const service = await tx.service.findUniqueOrThrow({ where: { id: row.serviceId as string } });
    const source = this.sourceOf(service.source as ServiceSource, row);
    await tx.service.update({ where: { id: service.id }, data: { source } });
    return row;
  }

  private sourceOf(source: ServiceSource, { repository, branch }: PreviewRow): ServiceSource {
    return { ...source, repository, branch };
  }

  private async copyVariables(tx: Tx, row: PreviewRow, serviceId: string): Promise<void> {
    const { variables, secretKeys } = await openVariables(tx, this.box, row.parentId);
    const setting = await tx.previewSetting.findUnique({ where: { serviceId: row.parentId } });
    const own: Overrides = Object.fromEntries(
      Object.entries(variables).map(([key, value]) => [key, { value, secret: secretKeys.includes(key) }]),
    );
    const all = { ...own, ...overridesOf(this.box, setting), PREVIEW: { value: 'true', secret: false } };
    const data = Object.entries(all)
      .filter(([, { secret }]) => !(secret && row.isFork))
      .map(([key, { value, secret }]) => {
        const sealed = this.box.seal(value, variableAad(serviceId, key));
        return { id: randomUUID(), serviceId, key, value: sealed, secret };
      });
    await tx.variable.createMany({ data });
  }
}

/** One writer of a preview at a time. */
export async function lockPreview(tx: Tx, id: string): Promise<PreviewRow | null> {
  await tx.$queryRaw`SELECT 1 FROM previews WHERE id = ${id}::uuid FOR UPDATE`;
  return tx.preview.findUnique({ where: { id }, include: previewInclude });
}
