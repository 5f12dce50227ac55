/** What must never appear in a log of a project: secret variables of all its services, logins of its people at registries. */
import { Injectable } from '@nestjs/common';
import { passwordPlace } from '#features/registries/index.js';
import { variableAad } from '#features/services/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { Remembered } from '#platform/remembered.js';
import { SecretBox } from '#platform/secrets.js';
import { openConfig, secretValues } from './release-config.js';

/** A secret of several lines arrives line by line; shorter lines of it say nothing. */
const SECRET_LINE = 16;

/** Each step of a deployment opens a log. A secret that another service is given meanwhile is redacted that much later. */
const REMEMBERED_MS = 10_000;

@Injectable()
export class ProjectSecrets {
  private readonly known = new Remembered<string[]>(REMEMBERED_MS, 100);

  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
  ) {}

  /** Those the deployment was made with, which may have been changed since, and those of its project now; [] when it is gone. */
  ofDeployment(deploymentId: string): Promise<string[]> {
    return this.known.get(deploymentId, () => this.readDeployment(deploymentId));
  }

  private async readDeployment(deploymentId: string): Promise<string[]> {
    const row = await this.db.deployment.findUnique({
      where: { id: deploymentId },
      select: { id: true, config: true, service: { select: { projectId: true } } },
    });
    if (!row) return [];
    // Housekeeping drops the configuration of what can never run again.
    const frozen = row.config ? secretValues(openConfig(this.box, row)) : [];
    return [...byLine(frozen), ...(await this.ofProject(row.service.projectId))];
  }

  async ofProject(projectId: string): Promise<string[]> {
    const [variables, logins] = await Promise.all([
      this.db.variable.findMany({ where: { secret: true, service: { projectId } } }),
      this.db.$queryRaw<{ id: string; password: string }[]>`
        SELECT id, password FROM registry_credentials WHERE user_id IN (
          SELECT owner_id FROM projects WHERE id = ${projectId}::uuid
          UNION ALL SELECT user_id FROM project_members WHERE project_id = ${projectId}::uuid)`,
    ]);
    return byLine([
      ...variables.map(({ serviceId, key, value }) => this.box.open(value, variableAad(serviceId, key))),
      ...logins.map(({ id, password }) => this.box.open(password, passwordPlace(id))),
    ]);
  }
}

function byLine(values: string[]): string[] {
  return values.flatMap((value) => [value, ...value.split(/\r?\n/).filter((line) => line.length >= SECRET_LINE)]);
}
