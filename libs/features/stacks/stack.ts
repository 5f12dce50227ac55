/** A stack: services and managed databases that are created together, all or none, in the order in which they need each other. */
import type { DatabasePlanName } from '#contracts/databases.js';
import type { CreateServiceRequest } from '#contracts/services.js';
import type { EngineKind } from '#drivers/engines/index.js';
import type { ServiceIdentity } from '#features/services/index.js';

interface Part {
  /** Name inside the stack, e.g. `db`. */
  key: string;
  name: string;
  /** Keys of the parts that must be live before this one starts. */
  after: string[];
}

export interface ServicePart extends Part {
  /** `database`: a private service that holds one, see database-parts.ts. */
  kind: 'service' | 'database';
  identity: ServiceIdentity;
  request: CreateServiceRequest;
  /** May refer to managed databases of the stack by their host names: `${{shop-db.URL}}`. */
  variables: Record<string, { value: string; secret: boolean }>;
  /** False: made but not deployed, because its code is still to be pushed. */
  deploy: boolean;
}

export interface DatabasePart extends Part {
  kind: 'database';
  identity: Pick<ServiceIdentity, 'alias'>;
  database: { type: EngineKind; version: string; plan: DatabasePlanName; region: string };
  /** Without it one is generated. */
  password?: string;
}

export type StackPart = ServicePart | DatabasePart;

/** Whether it becomes a managed database. */
export function isDatabase(part: StackPart): part is DatabasePart {
  return 'database' in part;
}

/**
 * Every part after the parts it needs, otherwise in the given order.
 * @param onCycle is called with the keys of a circle, e.g. `['a', 'b', 'a']`; must throw.
 */
export function inOrder<T extends { key: string; after: string[] }>(
  parts: T[],
  onCycle: (keys: string[]) => never,
): T[] {
  const byKey = new Map(parts.map((part) => [part.key, part]));
  const done = new Set<T>();
  const visit = (part: T, path: string[]): void => {
    if (done.has(part)) return;
    if (path.includes(part.key)) onCycle([...path.slice(path.indexOf(part.key)), part.key]);
    for (const key of part.after) {
      const needed = byKey.get(key);
      if (needed) visit(needed, [...path, part.key]);
    }
    done.add(part);
  };
  for (const part of parts) visit(part, []);
  return [...done];
}
