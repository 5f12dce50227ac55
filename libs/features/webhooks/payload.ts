/** Careful reading of what somebody else has written: a path into parsed JSON, and what is there if it is of the kind we want. */

export type Json = unknown;

export function at(root: Json, path: string): Json {
  let current = root;
  for (const key of path.split('.')) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}

/** Longer texts are cut: a title or a commit message is for people, and the skip words stand at its beginning or end. */
const LONGEST = 20_000;

export function text(root: Json, path: string): string | null {
  const value = at(root, path);
  return typeof value === 'string' && value !== '' ? clean(value) : null;
}

export function count(root: Json, path: string): number | null {
  const value = at(root, path);
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}

export function list(root: Json, path: string): Json[] {
  const value = at(root, path);
  return Array.isArray(value) ? value : [];
}

/** PostgreSQL holds no NUL, and half a surrogate is no character. */
function clean(value: string): string {
  const cut = value.length > LONGEST ? `${value.slice(0, LONGEST / 2)}\n${value.slice(-LONGEST / 2)}` : value;
  return cut.replace(/[\0\p{Cs}]/gu, '\ufffd');
}
