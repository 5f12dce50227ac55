/** What every step of a build begins with: its request, its log, and whether its registry may be reached. */
import { Injectable } from '@nestjs/common';
import { BuildLogs, type BuildLogWriter } from '#features/logs/index.js';
import { ProjectSecrets } from '#features/releases/index.js';
import { EgressGuard } from '#platform/egress.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { type AcceptedBuild, openRequest } from './build-request.js';

@Injectable()
export class BuildDesk {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly logs: BuildLogs,
    private readonly guard: EgressGuard,
    private readonly secrets: ProjectSecrets,
  ) {}

  async logged<T>(id: string, work: (log: BuildLogWriter, accepted: AcceptedBuild) => Promise<T>): Promise<T> {
    const accepted = openRequest(this.box, await this.db.build.findUniqueOrThrow({ where: { id } }));
    const { projectId, request } = accepted;
    const ofProject = projectId ? await this.secrets.ofProject(projectId) : [];
    const log = this.logs.open(id, [...Object.values(request.environment ?? {}), ...ofProject]);
    try {
      return await work(log, accepted);
    } finally {
      await log.close();
    }
  }

  async note(tx: Tx, id: string, more: Record<string, string>): Promise<void> {
    const { metadata } = await tx.build.findUniqueOrThrow({ where: { id }, select: { metadata: true } });
    await tx.build.update({ where: { id }, data: { metadata: { ...(metadata as object), ...more } } });
  }

  /** @throws Invalid `url_refused` for a registry that users may not reach through the platform */
  async allowed(registry: string): Promise<void> {
    await this.guard.check(`https://${registry}/`);
  }
}
