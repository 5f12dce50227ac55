/**
 * The only errors that cross a module boundary. Each maps to one HTTP status in the API's problem filter (apps/api/http/problem.filter.ts)
 * and tells the workflow runner whether trying again can help. `message` is public and says what to do next; `cause` is private.
 */
export interface AppErrorOptions {
  details?: Record<string, unknown>;
  cause?: unknown;
}

export abstract class AppError extends Error {
  /** HTTP status of this class of error. */
  abstract readonly status: number;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly transient: boolean = false;
  readonly details: Record<string, unknown>;

  /** @param code stable, snake_case, part of the API: clients may branch on it. */
  constructor(
    readonly code: string,
    message: string,
    options: AppErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.details = options.details ?? {};
  }
}

export class Invalid extends AppError {
  readonly status = 400;
}
export class Unauthenticated extends AppError {
  readonly status = 401;
}
export class Forbidden extends AppError {
  readonly status = 403;
}
export class NotFound extends AppError {
  readonly status = 404;
}
export class Conflict extends AppError {
  readonly status = 409;
}
export class TooMany extends AppError {
  readonly status = 429;
}
export class Internal extends AppError {
  readonly status = 500;
}
/** Something outside us does not answer right now: a step tries again, a request answers 503. */
export class Unavailable extends AppError {
  readonly status = 503;
  override readonly transient = true;
}
/** No room: disk, memory, addresses. */
export class Capacity extends AppError {
  readonly status = 507;
}

/** What a person may read of any thrown value: an AppError's own words, nothing of anything else. */
export function publicMessage(error: unknown): string {
  return error instanceof AppError ? error.message : 'An unexpected error happened; the platform log has the details.';
}
