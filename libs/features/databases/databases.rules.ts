/** What a database must satisfy beyond the form of each field. */
import type { UpdateDatabaseRequest } from '#contracts/databases.js';
import { engineOf, type SettingName } from '#drivers/engines/index.js';
import { hostLabel } from '#features/services/index.js';
import { Conflict, Invalid } from '#platform/errors.js';
import { type Tx, uniqueViolation } from '#platform/prisma/prisma.service.js';
import type { DatabaseRow } from './databases.queries.js';
import { settingsOf } from './plans.js';

export function aliasOf(name: string): string {
  return hostLabel(name);
}

/** One host name in a project is one thing. @throws Conflict `database_name_taken` */
export async function requireFreeAlias(tx: Tx, projectId: string, alias: string, name: string): Promise<void> {
  const where = { projectId, alias, deletedAt: null };
  if ((await tx.service.count({ where })) + (await tx.database.count({ where })) > 0) throw nameTaken(name);
}

function nameTaken(name: string): Conflict {
  return new Conflict(
    'database_name_taken',
    `Something in this project already has the name "${name}" or its host name "${aliasOf(name)}": choose another name.`,
  );
}

export function explainTaken(name: string) {
  return (error: unknown): never => {
    const index = uniqueViolation(error);
    if (!index?.includes('alias') && !index?.includes('name')) throw error;
    throw nameTaken(name);
  };
}

/** Settings whose value would be another one, the plan's own defaults included. */
export function changedSettings(before: DatabaseRow, { plan, settings }: UpdateDatabaseRequest): SettingName[] {
  const old = settingsOf(before);
  const wanted = { ...(before.settings as object), ...settings };
  const now = settingsOf({ settings: wanted, plan: plan ?? before.plan });
  return (Object.keys(old) as SettingName[]).filter((name) => old[name] !== now[name]);
}

/** @throws Invalid `setting_unknown` for what the engine does not have */
export function requireSettings(row: DatabaseRow, { settings = {} }: UpdateDatabaseRequest): void {
  const engine = engineOf(row.type);
  const unknown = engine.settings.missing.filter((name) => settings[name] !== undefined);
  if (unknown.length === 0) return;
  throw new Invalid('setting_unknown', `${engine.name} does not have this here: ${unknown.join(', ')}.`, {
    details: { settings: unknown },
  });
}
