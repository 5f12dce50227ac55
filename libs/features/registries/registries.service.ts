/** Logins at image registries; a user has at most one for each, and nobody reads a password back. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { RegistryCredentialRequest, registryCredential } from '#contracts/builds.js';
import { recordAudit } from '#features/audit/index.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { type Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { passwordPlace } from './registry-logins.js';

const resource = 'registry_credential';

@Injectable()
export class RegistriesService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
  ) {}

  async list(caller: Caller) {
    const rows = await this.db.registryCredential.findMany({
      where: { userId: caller.userId },
      orderBy: { registry: 'asc' },
    });
    return { credentials: rows.map(view) };
  }

  /** A second one for the same registry replaces the first. */
  save(caller: Caller, { registry, username, password }: RegistryCredentialRequest) {
    const { userId } = caller;
    return this.db.$transaction(async (tx) => {
      const known = await tx.registryCredential.findUnique({ where: { userId_registry: { userId, registry } } });
      const id = known?.id ?? randomUUID();
      const data = { username, password: this.box.seal(password, passwordPlace(id)) };
      const row = await tx.registryCredential.upsert({
        where: { userId_registry: { userId, registry } },
        create: { id, userId, registry, ...data },
        update: data,
      });
      const before = known ? { registry, username: known.username } : undefined;
      const action = known ? 'update' : 'create';
      await recordAudit(tx, caller, { resource, resourceId: row.id, action, before, after: { registry, username } });
      return view(row);
    });
  }

  /** @throws NotFound `registry_credential_not_found`. */
  remove(caller: Caller, id: string): Promise<void> {
    return this.db.$transaction(async (tx) => {
      const row = await tx.registryCredential.findFirst({ where: { id, userId: caller.userId } });
      if (!row) throw notFound('registry credential');
      await tx.registryCredential.delete({ where: { id } });
      const before = { registry: row.registry, username: row.username };
      await recordAudit(tx, caller, { resource, resourceId: id, action: 'delete', before });
    });
  }
}

function view(row: Prisma.RegistryCredentialGetPayload<object>): z.output<typeof registryCredential> {
  const { id, registry, username, createdAt, updatedAt } = row;
  return { id, registry, username, created_at: createdAt.toISOString(), updated_at: updatedAt.toISOString() };
}
