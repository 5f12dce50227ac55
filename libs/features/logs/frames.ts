/** Log lines as server-sent events, and the ids by which a client that comes back goes on. Pure. */
import type { LogEntry } from '#contracts/deployments.js';
import type { LogLine } from '#drivers/runtime/port.js';
import { formatEvents, type ServerEvent } from '#platform/http/index.js';
import { type BuildLine, buildEntry } from './build-lines.js';

/** A line of one container's output, already redacted. */
export interface ReplicaLine extends LogLine {
  replica: number;
  /** Id of the container. */
  container: string;
}

/** What `Last-Event-ID` says was seen: a build line, or a container's output up to a time. */
export type Cursor = { build: bigint } | { container: string; timestamp: string };

const SHORT_ID = 12;
/** Stands for the id of a container that is gone. No container has it: ids are SHA-256 hashes. */
export const ARCHIVE_ID = '0'.repeat(SHORT_ID);
const BUILD_ID = /^\d{1,18}$/;
const RUNTIME_ID = /^([0-9a-f]{1,64})@(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)$/;
/** Replicas are read side by side: one may be this much behind the line whose id the client has. Repeating lines beats losing them. */
const OVERLAP_MS = 1000;

/** Null when the header is missing or not one of our ids. */
export function parseCursor(header: string | undefined): Cursor | null {
  if (!header) return null;
  if (BUILD_ID.test(header)) return { build: BigInt(header) };
  const [, container, timestamp] = RUNTIME_ID.exec(header) ?? [];
  return container && timestamp && !Number.isNaN(Date.parse(timestamp)) ? { container, timestamp } : null;
}

/** The time after which a container's output is still unseen. */
export function unseenAfter(cursor: { container: string; timestamp: string }, container: string): string {
  if (container.startsWith(cursor.container)) return cursor.timestamp;
  return new Date(Date.parse(cursor.timestamp) - OVERLAP_MS).toISOString();
}

export function runtimeEntry({ timestamp, message, stream, replica }: ReplicaLine): LogEntry {
  return { timestamp, message, stream, replica };
}

/** One string per batch, for any number of clients. Only its last event has an id: a client that saw half of a batch gets it again. */
export function runtimeFrame(lines: ReplicaLine[]): string {
  const events: ServerEvent[] = lines.map((line) => ({ event: 'log', data: JSON.stringify(runtimeEntry(line)) }));
  const [event, line] = [events.at(-1), lines.at(-1)];
  if (event && line) event.id = `${line.container.slice(0, SHORT_ID)}@${line.timestamp}`;
  return formatEvents(events);
}

export function buildFrame(lines: BuildLine[]): string {
  return formatEvents(
    lines.map((line) => ({ id: String(line.seq), event: 'log', data: JSON.stringify(buildEntry(line)) })),
  );
}
