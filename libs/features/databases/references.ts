/** `${{name.DATABASE_URL}}` in a variable: the database of that name in the project, as it is when a deployment is made. */
import { type Access, APP, engineOf } from '#drivers/engines/index.js';
import { Invalid } from '#platform/errors.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import type { SecretBox } from '#platform/secrets.js';
import { openCredentials } from './credentials.js';
import { hasTls, portOf } from './databases.view.js';

const REFERENCE = /\$\{\{\s*([^{}]*?)\.([A-Za-z_]+)\s*\}\}/g;

type Row = { name: string; alias: string; type: string; observed: unknown };

export function referenceTo(alias: string, variable: string): string {
  return `\${{${alias}.${variable}}}`;
}

/** What can be referred to. */
export function outputsOf(
  row: Pick<Row, 'alias' | 'type'> & { observed: never | unknown },
  access: Access,
): Record<string, string> {
  const engine = engineOf(row.type);
  const ssl = hasTls(row as never);
  const url = engine.url(access, row.alias, ssl);
  return {
    [engine.variable]: url,
    URL: url,
    HOST: row.alias,
    PORT: String(portOf(engine, ssl)),
    USER: decodeURIComponent(new URL(url).username) || APP,
    PASSWORD: access.password,
    DATABASE: new URL(url).pathname.slice(1),
  };
}

/** Names of what can be referred to in a database of this type. */
export function outputNames(type: string): string[] {
  return Object.keys(outputsOf({ alias: 'host', type, observed: null }, { root: '', password: '' }));
}

/**
 * Every reference replaced. Databases are found by host name, which never changes, or by name.
 * @returns the variables, and the keys of those that hold a password now
 * @throws Invalid `reference_unknown`
 */
export async function resolveReferences(
  tx: Tx,
  box: SecretBox,
  projectId: string,
  variables: Record<string, string>,
): Promise<{ variables: Record<string, string>; secretKeys: string[] }> {
  const referring = Object.entries(variables).filter(([, value]) => value.includes('${{') && value.match(REFERENCE));
  if (referring.length === 0) return { variables, secretKeys: [] };
  const rows = await tx.database.findMany({ where: { projectId, deletedAt: null } });
  const outputs = (wanted: string) => {
    const row = rows.find(({ alias }) => alias === wanted) ?? rows.find(({ name }) => name === wanted);
    return row && outputsOf(row, openCredentials(box, row));
  };
  const resolved = referring.map(([key, value]) => [
    key,
    value.replace(REFERENCE, (all, name: string, field: string) => {
      const found = outputs(name)?.[field];
      if (found === undefined) throw unknown(key, all, rows);
      return found;
    }),
  ]);
  return { variables: { ...variables, ...Object.fromEntries(resolved) }, secretKeys: referring.map(([key]) => key) };
}

function unknown(key: string, reference: string, rows: Row[]): Invalid {
  const known = rows.map(({ alias, type }) => `${alias}.${engineOf(type).variable}`).join(', ') || 'none';
  return new Invalid(
    'reference_unknown',
    `The variable ${key} refers to ${reference}, which is nothing of a database in this project. Known: ${known}.`,
  );
}
