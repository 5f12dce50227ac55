/**
 * Text that PostgreSQL cannot hold is refused at the door: `\u0000` is an error there
 * (https://www.postgresql.org/docs/15/datatype-character.html) and a lone surrogate would silently become another character.
 */
import { Invalid } from '../errors.js';

const UNSTORABLE = /[\0\p{Cs}]/u;

/**
 * A loop, not recursion: a body may be nested a hundred thousand levels deep.
 * @throws Invalid `invalid_characters` when any string inside `root`, or any key, cannot be stored.
 */
export function requireStorable(root: unknown): void {
  const open = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === 'string') requireText(value);
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value)) Object.keys(value).forEach(requireText);
    for (const item of Object.values(value)) open.push(item);
  }
}

function requireText(text: string): void {
  if (!UNSTORABLE.test(text)) return;
  throw new Invalid(
    'invalid_characters',
    'The request holds a NUL character or a broken Unicode character: remove it.',
  );
}
