/** Which lines somebody asks for: a text they contain, a range of time. Applied to redacted lines, so no secret is found by its value. Pure. */
import type { z } from 'zod';
import type { logRange } from '#contracts/deployments.js';

export interface LineFilter {
  /** Lower case; '' for any. */
  text: string;
  /** UTC with nine digits of fraction, as lines are stamped; both ends included. */
  since: string | null;
  until: string | null;
}

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Length of `2026-01-02T03:04:05.678Z`. */
const MS_LENGTH = 24;

export const NO_FILTER: LineFilter = { text: '', since: null, until: null };

export function filterOf({ search, since, until }: z.output<typeof logRange>, now = new Date()): LineFilter {
  return { text: search?.toLowerCase() ?? '', since: bound(since, now), until: bound(until, now) };
}

export function matches({ text, since, until }: LineFilter, line: { timestamp: string; message: string }): boolean {
  if (since !== null && fixed(line.timestamp) < since) return false;
  if (until !== null && fixed(line.timestamp) > until) return false;
  return text === '' || line.message.toLowerCase().includes(text);
}

export function isFiltering({ text, since, until }: LineFilter): boolean {
  return text !== '' || since !== null || until !== null;
}

/** The same ends as milliseconds' Dates, for rows. */
export function rangeOf({ since, until }: LineFilter): { gte?: Date; lte?: Date } {
  return { ...(since ? { gte: new Date(since) } : {}), ...(until ? { lte: new Date(until) } : {}) };
}

/** Ends with `signal`, or when no line can be early enough any more. */
export function openUntil({ until }: LineFilter, signal: AbortSignal): AbortSignal {
  if (until === null) return signal;
  const ms = Math.max(0, Date.parse(until) - Date.now());
  // What a timer can hold is 24 days; a stream that is open longer is asked for again by its client.
  return AbortSignal.any([signal, AbortSignal.timeout(Math.min(ms, 2 ** 31 - 1))]);
}

export function isOver({ until }: LineFilter): boolean {
  return until !== null && Date.parse(until) < Date.now();
}

/** Build lines are stamped in milliseconds. */
function fixed(timestamp: string): string {
  return timestamp.length === MS_LENGTH ? timestamp.replace('Z', '000000Z') : timestamp;
}

function bound(text: string | undefined, now: Date): string | null {
  if (!text) return null;
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const at = count && unit ? new Date(now.getTime() - Number(count) * (UNIT_MS[unit] as number)) : new Date(text);
  return fixed(at.toISOString());
}
