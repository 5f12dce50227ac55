/** Services that use a database: a variable that refers to it, resolved with each deployment. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { DatabaseLinkRequest, databaseLinkResponse } from '#contracts/databases.js';
import { engineOf } from '#drivers/engines/index.js';
import { recordAudit } from '#features/audit/index.js';
import { lockService, requireService, type ServiceRow, variableAad } from '#features/services/index.js';
import { Conflict } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { type DatabaseRow, lockDatabase, requireDatabase } from './databases.queries.js';
import { dropLinks } from './databases.removal.js';
import { referenceTo } from './references.js';

type LinkView = z.output<typeof databaseLinkResponse>;

@Injectable()
export class DatabaseLinksService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
  ) {}

  /** Twice is the same as once. @throws Conflict `other_project`, `variable_taken` */
  async link(caller: Caller, id: string, { service_id, prefix }: DatabaseLinkRequest): Promise<LinkView> {
    return this.db.$transaction(async (tx) => {
      const database = await requireDatabase(tx, caller, id);
      const service = await requireService(tx, caller, service_id);
      await lockDatabase(tx, id);
      await lockService(tx, service_id);
      if (service.projectId !== database.projectId)
        throw new Conflict(
          'other_project',
          'The service is in another project: databases are reached inside their project only.',
        );
      const variable = `${prefix}${engineOf(database.type).variable}`;
      await this.insert(tx, database, service_id, variable, prefix);
      const after = { service_id, variable };
      const { projectId } = database;
      await recordAudit(tx, caller, { resource: 'database', resourceId: id, action: 'link', projectId, after });
      return view(database, service, variable);
    });
  }

  /** @throws NotFound `link_not_found` */
  async unlink(caller: Caller, id: string, serviceId: string): Promise<void> {
    await this.db.$transaction(async (tx) => {
      const { projectId } = await requireDatabase(tx, caller, id);
      await lockDatabase(tx, id);
      if ((await dropLinks(tx, { databaseId: id, serviceId })) === 0) throw notFound('link');
      const before = { service_id: serviceId };
      await recordAudit(tx, caller, { resource: 'database', resourceId: id, action: 'unlink', projectId, before });
    });
  }

  /** For variables of a new service that refer to the database already, whatever their names. One that refers to two belongs to the first. */
  async record(tx: Tx, databaseId: string, serviceId: string, variables: string[]): Promise<void> {
    const data = variables.map((variable) => ({ id: randomUUID(), databaseId, serviceId, prefix: '', variable }));
    await tx.databaseLink.createMany({ data, skipDuplicates: true });
  }

  private async insert(
    tx: Tx,
    database: DatabaseRow,
    serviceId: string,
    variable: string,
    prefix: string,
  ): Promise<void> {
    const databaseId = database.id;
    const known = await tx.databaseLink.findUnique({ where: { serviceId_variable: { serviceId, variable } } });
    const taken = await tx.variable.findUnique({ where: { serviceId_key: { serviceId, key: variable } } });
    if (taken && known?.databaseId !== databaseId)
      throw new Conflict(
        'variable_taken',
        `The service has a variable ${variable} already: remove it, or choose a prefix, such as "MAIN_".`,
      );
    if (known) await tx.databaseLink.delete({ where: { id: known.id } });
    if (taken) await tx.variable.delete({ where: { id: taken.id } });
    const value = this.box.seal(
      referenceTo(database.alias, engineOf(database.type).variable),
      variableAad(serviceId, variable),
    );
    await tx.variable.create({ data: { id: randomUUID(), serviceId, key: variable, value, secret: false } });
    await tx.databaseLink.create({ data: { id: randomUUID(), databaseId, serviceId, prefix, variable } });
  }
}

function view(database: DatabaseRow, { id, liveDeploymentId }: ServiceRow, variable: string): LinkView {
  const redeploy = {
    method: 'POST' as const,
    path: `/api/v1/services/${id}/deployments`,
    body: { trigger: 'restart' },
  };
  return {
    service_id: id,
    variable,
    value: referenceTo(database.alias, engineOf(database.type).variable),
    message: `Linked. ${variable} is there with the next deployment or restart of the service.`,
    redeploy: liveDeploymentId ? redeploy : null,
  };
}
