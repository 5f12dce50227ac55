/** The `cursor` of a list query as a Prisma condition. */
import { parseCursor } from '../keyset.js';
import { invalid } from './valid.js';

/** Rows after the cursor in a list ordered by created_at, id, both descending. @throws Invalid `validation_failed`. */
export function afterCursor(cursor: string | undefined) {
  if (cursor === undefined) return {};
  const after = parseCursor(cursor);
  if (!after) throw invalid([{ path: 'cursor', message: 'is not a next_cursor of this list' }]);
  // The first condition follows from the second; it is what lets PostgreSQL start reading the index there instead of at its top.
  return {
    createdAt: { lte: after.createdAt },
    OR: [{ createdAt: { lt: after.createdAt } }, { createdAt: after.createdAt, id: { lt: after.id } }],
  };
}
