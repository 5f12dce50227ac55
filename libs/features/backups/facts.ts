/**
 * What a database held when it was backed up, for comparing it with what a restore of the backup holds. Pure.
 *
 * Dump and look cannot share a snapshot in every engine, so there are two looks, before and after the dump. A table that both saw alike was
 * not changed in between: the dump holds exactly that. Of the others it is only known that they existed.
 */
import type { TableFacts } from '#drivers/engines/index.js';

export interface ArchiveFacts {
  /** Exactly this is in the dump. */
  tables: TableFacts[];
  /** Names of tables that were written to, made or dropped during the dump. */
  changed: string[];
}

const MOST_DIFFERENCES = 10;

export function archiveFacts(before: TableFacts[], after: TableFacts[]): ArchiveFacts {
  const later = byName(after);
  const tables = before.filter((table) => same(table, later.get(table.name)));
  const still = byName(tables);
  const names = new Set([...before, ...after].map(({ name }) => name));
  return { tables, changed: [...names].filter((name) => !still.has(name)).sort() };
}

/** What is wrong with the restored data, in words; [] when it is what was backed up. */
export function differences(wanted: ArchiveFacts, found: TableFacts[]): string[] {
  const restored = byName(found);
  const expected = byName(wanted.tables);
  const changed = new Set(wanted.changed);
  const wrong = wanted.tables.flatMap((table) => difference(table, restored.get(table.name)));
  const strange = found.filter(({ name }) => !expected.has(name) && !changed.has(name));
  return [...wrong, ...strange.map(({ name }) => `${name} was not there`)].slice(0, MOST_DIFFERENCES);
}

function difference(wanted: TableFacts, found: TableFacts | undefined): string[] {
  if (!found) return [`${wanted.name} is missing`];
  if (found.rows !== wanted.rows) return [`${wanted.name} has ${found.rows} rows instead of ${wanted.rows}`];
  return found.checksum === wanted.checksum ? [] : [`${wanted.name} has other content`];
}

const byName = (tables: TableFacts[]) => new Map(tables.map((table) => [table.name, table]));

const same = (one: TableFacts, other: TableFacts | undefined): boolean =>
  other !== undefined && one.rows === other.rows && one.checksum === other.checksum;
