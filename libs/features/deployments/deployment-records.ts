/** What the steps read and keep about a deployment. */
import { Injectable } from '@nestjs/common';
import { BuildLogs, type BuildLogWriter } from '#features/logs/index.js';
import { openConfig, ProjectSecrets, type ReleaseConfig } from '#features/releases/index.js';
import { type Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';

export interface LoadedDeployment {
  id: string;
  commitHash: string | null;
  imageId: string | null;
  port: number | null;
  config: ReleaseConfig;
}

@Injectable()
export class DeploymentRecords {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly logs: BuildLogs,
    private readonly secrets: ProjectSecrets,
  ) {}

  async load(id: string): Promise<LoadedDeployment> {
    const row = await this.db.deployment.findUniqueOrThrow({ where: { id } });
    return { id, commitHash: row.commitHash, imageId: row.imageId, port: row.port, config: openConfig(this.box, row) };
  }

  /** The log of a deployment, with its project's secrets redacted. */
  async openLog(id: string): Promise<BuildLogWriter> {
    return this.logs.open(id, await this.secrets.ofDeployment(id));
  }

  async knownImage(serviceId: string, contentKey: string) {
    return this.db.image.findUnique({ where: { serviceId_contentKey: { serviceId, contentKey } } });
  }

  async rememberImage(image: Prisma.ImageCreateManyInput): Promise<void> {
    const { serviceId, contentKey, ...rest } = image;
    const { id: _, ...update } = rest;
    await this.db.image.upsert({ where: { serviceId_contentKey: { serviceId, contentKey } }, create: image, update });
  }
}
