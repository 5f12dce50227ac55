/**
 * The outbox: what happened is written in the transaction that made it so, and handed on after its commit (events.dispatcher.ts). So a
 * crash neither loses an event nor tells of something that was rolled back.
 *
 * The row names its project without a foreign key: that would lock the project's row, which whoever deletes it holds while waiting for ours.
 */
import { randomUUID } from 'node:crypto';
import type { EventType } from '#contracts/events.js';
import type { Prisma, Tx } from '#platform/prisma/prisma.service.js';

export interface NewEvent {
  projectId: string;
  type: EventType;
  /** JSON that the members of the project may read: no secrets. Ids, states, short texts. */
  data: Record<string, unknown>;
}

/** A webhook's body stays below 256 KB whatever a text in it holds. Characters. */
const LONGEST_TEXT = 4000;
const LARGEST_DATA = 100_000;

export async function recordEvent(tx: Tx, { projectId, type, data }: NewEvent): Promise<void> {
  await tx.platformEvent.createMany({ data: { id: randomUUID(), projectId, type, data: bounded(data) } });
}

/** Too long must not fail the change that it tells of: texts are cut, and what is still too large is left out. */
function bounded(data: Record<string, unknown>): Prisma.InputJsonObject {
  const text = JSON.stringify(data, (_key, value) => (typeof value === 'string' ? cut(value) : value));
  return text.length > LARGEST_DATA ? { truncated: true } : JSON.parse(text);
}

function cut(text: string): string {
  // PostgreSQL's jsonb takes neither NUL nor half a surrogate pair.
  const short = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
  return short.replace(/[\0\p{Cs}]/gu, '\uFFFD');
}
