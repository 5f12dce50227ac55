/** What the engine or the connection to it says, as the platform's errors. Every error that leaves this folder is made here or from here. */
import { AppError, Capacity, Conflict, Invalid, NotFound, Unavailable } from '#platform/errors.js';

/** The private cause of an error that the engine itself answered with. */
export class EngineRefusal extends Error {
  constructor(
    readonly httpStatus: number,
    /** The engine's own words, one line. */
    readonly reason: string,
  ) {
    super(`HTTP ${httpStatus}: ${reason}`);
    this.name = 'EngineRefusal';
  }
}

/** The engine's refusal behind an error, or null when the error is of another kind. */
export function refusalOf(error: unknown): EngineRefusal | null {
  return error instanceof AppError && error.cause instanceof EngineRefusal ? error.cause : null;
}

/** True when the engine refused with this HTTP status (and, when given, with words that match). */
export function refusedWith(error: unknown, httpStatus: number, words?: RegExp): boolean {
  const refusal = refusalOf(error);
  return refusal?.httpStatus === httpStatus && (words?.test(refusal.reason) ?? true);
}

/** Maps an HTTP answer >= 400. Docker uses 500 for much that is not its own fault, so the words decide before the number. */
export function refused(httpStatus: number, body: string): AppError {
  const cause = new EngineRefusal(httpStatus, reasonOf(body));
  const said = cause.reason.slice(0, 500);
  if (/no space left on device/i.test(said)) {
    return new Capacity('disk_full', 'The disk of the Docker host is full; free some space and try again.', { cause });
  }
  if (/range of CPUs is from/i.test(said)) {
    return new Capacity('host_too_small', `The Docker host has fewer CPU cores than asked for: ${said}`, { cause });
  }
  // Two processes made one network at the same moment; one of them is about to remove its copy (see networks.ts).
  if (/is ambiguous/i.test(said)) return new Unavailable('engine_busy', `Docker is settling: ${said}`, { cause });
  if (httpStatus === 404) return new NotFound('engine_not_found', `Docker does not know it: ${said}`, { cause });
  if (httpStatus === 409) return new Conflict('engine_conflict', `Docker refused: ${said}`, { cause });
  if (httpStatus < 500) return new Invalid('engine_refused', `Docker refused: ${said}`, { cause });
  return new Unavailable('engine_error', `The Docker Engine reported a problem: ${said}`, { cause });
}

function reasonOf(body: string): string {
  try {
    const parsed = JSON.parse(body) as { message?: unknown };
    if (typeof parsed.message === 'string') return oneLine(parsed.message);
  } catch {
    // A proxy in front of the engine answers in plain text or HTML: its words are then the reason.
  }
  return oneLine(body) || 'no reason given';
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** A connection that could not be made or broke: ECONNREFUSED, ENOENT, EACCES, ECONNRESET, TLS failures, a parse error. */
export function unreachable(where: string, cause: unknown): Unavailable {
  const code = (cause as NodeJS.ErrnoException)?.code;
  const hint: Record<string, string> = {
    ENOENT: 'the socket does not exist; is Docker installed and running?',
    ECONNREFUSED: 'nobody listens there; is Docker running?',
    EACCES: 'permission denied; run the platform as root or as a member of the group "docker".',
    ECONNRESET: 'the connection was cut.',
    ENOTFOUND: 'the host name is unknown.',
  };
  const why = (code && hint[code]) || code || 'the connection failed.';
  return new Unavailable('engine_unreachable', `The Docker Engine at ${where} cannot be reached: ${why}`, { cause });
}

export function timedOut(where: string, afterMs: number): Unavailable {
  const message = `The Docker Engine at ${where} did not answer within ${afterMs / 1000} s.`;
  return new Unavailable('engine_timeout', message);
}

/** The name is taken by something that does not carry this installation's label. */
export function nameTaken(kind: 'container' | 'network' | 'volume', name: string): Conflict {
  const message = `A ${kind} named "${name}" that is not ours exists on the Docker host; rename or remove it.`;
  return new Conflict('name_taken', message, { details: { kind, name } });
}
