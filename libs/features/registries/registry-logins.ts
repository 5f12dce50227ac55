/** The stored logins that a build or a pull may use. */
import { Injectable } from '@nestjs/common';
import type { RegistryLogin } from '#drivers/runtime/port.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';

/** Binds a stored password to its row. */
export const passwordPlace = (id: string): string => `registry-credential:${id}`;

@Injectable()
export class RegistryLogins {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
  ) {}

  /** Registry -> login: the user's own; without a user those of the project's owner. */
  async of({
    userId,
    projectId,
  }: {
    userId: string | null;
    projectId: string | null;
  }): Promise<Record<string, RegistryLogin>> {
    const owner = userId ?? (projectId && (await this.db.project.findUnique({ where: { id: projectId } }))?.ownerId);
    if (!owner) return {};
    const rows = await this.db.registryCredential.findMany({ where: { userId: owner } });
    return Object.fromEntries(
      rows.map(({ id, registry, username, password }) => [
        registry,
        { username, password: this.box.open(password, passwordPlace(id)) },
      ]),
    );
  }
}
