/** The installation's settings: only its administrator sees and changes them. */
import { Injectable } from '@nestjs/common';
import type { Settings, UpdateSettingsRequest } from '#contracts/settings.js';
import { recordAudit } from '#features/audit/index.js';
import { Forbidden } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';

const ONLY_ROW = { id: 1 };

@Injectable()
export class SettingsService {
  constructor(private readonly db: PrismaService) {}

  /** @throws Forbidden `administrator_only`. */
  async get(caller: Caller): Promise<Settings> {
    requireAdministrator(caller);
    return view(await this.db.installation.findUniqueOrThrow({ where: ONLY_ROW }));
  }

  /** @throws Forbidden `administrator_only`. */
  async update(caller: Caller, { registration_open }: UpdateSettingsRequest): Promise<Settings> {
    requireAdministrator(caller);
    return this.db.$transaction(async (tx) => {
      const before = view(await tx.installation.findUniqueOrThrow({ where: ONLY_ROW }));
      const row = await tx.installation.update({ where: ONLY_ROW, data: { registrationOpen: registration_open } });
      const { installationId: resourceId } = row;
      await recordAudit(tx, caller, { resource: 'settings', resourceId, action: 'update', before, after: view(row) });
      return view(row);
    });
  }
}

/** @throws Forbidden `administrator_only`. */
export function requireAdministrator(caller: Caller): void {
  if (!caller.isAdmin)
    throw new Forbidden('administrator_only', 'Only the administrator of this installation may do this.');
}

function view(row: { registrationOpen: boolean }): Settings {
  return { registration_open: row.registrationOpen };
}
