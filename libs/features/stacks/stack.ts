/** A stack: services that are created together, all or none, in the order in which they need each other. */
import type { CreateServiceRequest } from '#contracts/services.js';
import type { ServiceIdentity } from '#features/services/index.js';

export interface StackPart {
  /** Name inside the stack, e.g. `db`. */
  key: string;
  /** What it is for the reader of an answer; how a database is made today is in database-parts.ts. */
  kind: 'service' | 'database';
  identity: ServiceIdentity;
  request: CreateServiceRequest;
  variables: Record<string, { value: string; secret: boolean }>;
  /** Keys of the parts that must be live before this one starts. */
  after: string[];
  /** False: made but not deployed, because its code is still to be pushed. */
  deploy: boolean;
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
