/** Runtime variables: encrypted at rest, secret ones never shown again. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { MASK, type PutVariablesRequest, type variablesResponse } from '#contracts/variables.js';
import { recordAudit } from '#features/audit/index.js';
import { mayIn } from '#features/projects/index.js';
import { type Caller, invalid } from '#platform/http/index.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { lockService, requireService } from './services.queries.js';

type Row = { key: string; value: string; secret: boolean; updatedAt: Date };
export type VariablesView = z.output<typeof variablesResponse>;

/** Binds a stored value to its service and key. */
export function variableAad(serviceId: string, key: string): string {
  return `variable:${serviceId}:${key}`;
}

/** All variables of a service in the clear, for a release, and which of them are secret. */
export async function openVariables(db: Tx, box: SecretBox, serviceId: string) {
  const rows = await rowsOf(db, serviceId);
  const values = rows.map((row) => [row.key, box.open(row.value, variableAad(serviceId, row.key))] as const);
  return { variables: Object.fromEntries(values), secretKeys: rows.filter((row) => row.secret).map((row) => row.key) };
}

@Injectable()
export class VariablesService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
  ) {}

  async get(caller: Caller, serviceId: string): Promise<VariablesView> {
    const { projectId } = await requireService(this.db, caller, serviceId);
    const [rows, open] = await Promise.all([
      rowsOf(this.db, serviceId),
      mayIn(this.db, caller, projectId, 'write'), // values are for those who may change them
    ]);
    return this.view(serviceId, rows, 'Changes take effect with the next deployment or restart.', open);
  }

  /** The first variables of a service that was just inserted, in the caller's transaction. */
  async insert(
    tx: Tx,
    serviceId: string,
    variables: Record<string, { value: string; secret: boolean }>,
  ): Promise<void> {
    const data = Object.entries(variables).map(([key, given]) => this.row(serviceId, key, given, undefined));
    await tx.variable.createMany({ data });
  }

  /** Replaces the whole set. @throws Invalid `validation_failed` for a new secret without a value. */
  async put(caller: Caller, serviceId: string, request: PutVariablesRequest): Promise<VariablesView> {
    const rows = await this.db.$transaction(async (tx) => {
      const { projectId } = await requireService(tx, caller, serviceId);
      await lockService(tx, serviceId);
      const before = new Map((await rowsOf(tx, serviceId)).map((row) => [row.key, row]));
      const data = Object.entries(request.variables).map(([key, given]) =>
        this.row(serviceId, key, given, before.get(key)),
      );
      await tx.variable.deleteMany({ where: { serviceId } });
      await tx.variable.createMany({ data });
      const after = this.changes(serviceId, before, data);
      await recordAudit(tx, caller, {
        resource: 'variables',
        resourceId: serviceId,
        action: 'update',
        projectId,
        after,
      });
      return rowsOf(tx, serviceId);
    });
    return this.view(serviceId, rows, 'Saved. Deploy or restart the service to use them.');
  }

  private row(
    serviceId: string,
    key: string,
    given: PutVariablesRequest['variables'][string],
    before: Row | undefined,
  ) {
    const wish = typeof given === 'string' ? { value: given, secret: before?.secret ?? false } : given;
    const keep = wish.value === undefined || (wish.value === MASK && before !== undefined);
    if (keep && !before)
      throw invalid([{ path: `variables.${key}.value`, message: 'is required: there is no stored value to keep' }]);
    const value = keep ? (before as Row).value : this.box.seal(wish.value as string, variableAad(serviceId, key));
    return { id: randomUUID(), serviceId, key, value, secret: wish.secret };
  }

  /** Names only, also of those that are not secret. */
  private changes(serviceId: string, before: Map<string, Row>, after: Omit<Row, 'updatedAt'>[]) {
    const text = (row: { key: string; value: string }) => this.box.open(row.value, variableAad(serviceId, row.key));
    const differs = (old: Row, row: Omit<Row, 'updatedAt'>) => old.secret !== row.secret || text(old) !== text(row);
    const keys = new Set(after.map((row) => row.key));
    const isChanged = (row: Omit<Row, 'updatedAt'>) => {
      const old = before.get(row.key);
      return old !== undefined && differs(old, row);
    };
    return {
      added: [...keys].filter((key) => !before.has(key)).sort(),
      changed: after
        .filter(isChanged)
        .map((row) => row.key)
        .sort(),
      removed: [...before.keys()].filter((key) => !keys.has(key)).sort(),
    };
  }

  private view(serviceId: string, rows: Row[], message: string, open = true): VariablesView {
    const variables = rows.map((row) => ({
      key: row.key,
      value: row.secret || !open ? MASK : this.box.open(row.value, variableAad(serviceId, row.key)),
      secret: row.secret,
      updated_at: row.updatedAt.toISOString(),
    }));
    return { variables, message };
  }
}

function rowsOf(db: Tx, serviceId: string): Promise<Row[]> {
  return db.variable.findMany({ where: { serviceId }, orderBy: { key: 'asc' } });
}
