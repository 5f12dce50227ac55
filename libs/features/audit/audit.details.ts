/** What an entry says about a change. Pure. */

/** Only what differs when both sides are objects: an update of one field is one field in the log. */
export function detailsOf(before: unknown, after: unknown, more: Record<string, unknown> = {}): string {
  if (!isObject(before) || !isObject(after)) return JSON.stringify({ ...more, before, after });
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const differing = keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return JSON.stringify({ ...more, before: pick(before, differing), after: pick(after, differing) });
}

/** Names only, for what may hold secrets: variables, build arguments. */
export function namesOf(values: Record<string, unknown> | null | undefined): string[] | undefined {
  return values ? Object.keys(values).sort() : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pick(object: Record<string, unknown>, keys: string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => object[key] !== undefined).map((key) => [key, object[key]]));
}
