/** Every engine there is. To add one: docs/checklists/adding-an-engine.md. */
import { Invalid } from '#platform/errors.js';
import { clickhouse } from './catalogue/clickhouse.js';
import { dragonfly } from './catalogue/dragonfly.js';
import { mariadb, mysql } from './catalogue/mariadb.js';
import { mongodb } from './catalogue/mongodb.js';
import { postgresql } from './catalogue/postgresql.js';
import { redis } from './catalogue/redis.js';
import type { Engine, EngineKind } from './engine.js';

export * from './engine.js';

export const ENGINES: Record<EngineKind, Engine> = {
  postgresql,
  redis,
  mysql,
  mariadb,
  mongodb,
  clickhouse,
  dragonfly,
};

/** `type` of a row or request that was checked when it came in. */
export function engineOf(type: string): Engine {
  const engine = (ENGINES as Record<string, Engine | undefined>)[type];
  if (!engine) throw new Error(`no engine ${type} is known`);
  return engine;
}

/** A version as it was given (`15`, `15.18`, nothing) -> the exact tag. @throws Invalid `unknown_version` that lists the known ones */
export function requireVersion(engine: Engine, wish: string | undefined): string {
  if (wish === undefined) return engine.versions[0] as string;
  const found = engine.versions.find((version) => version === wish || version.startsWith(`${wish}.`));
  if (found) return found;
  const known = engine.versions.join(', ');
  throw new Invalid('unknown_version', `${engine.name} is offered in the versions ${known}.`, {
    details: { versions: [...engine.versions] },
  });
}

export function imageOf(engine: Engine, version: string): string {
  return `${engine.repository}:${version}`;
}

/** -1, 0, 1: which of two versions is the older, by their numbers. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((version) => (version.match(/\d+/g) ?? []).map(Number));
  const length = Math.max(a?.length ?? 0, b?.length ?? 0);
  for (let at = 0; at < length; at += 1) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}
