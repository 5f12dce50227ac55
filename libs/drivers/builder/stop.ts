import { AppError, Internal, Invalid } from '#platform/errors.js';
import type { BuildRequest } from './port.js';

/** Why a build has to end before its time: the caller, the deadline or a broken context. */
export class Stop {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly onAbort: () => void;

  constructor(
    private readonly caller: AbortSignal,
    request: BuildRequest,
  ) {
    const { timeoutMs } = request.limits;
    const limit = timeoutMs >= 120_000 ? `${Math.round(timeoutMs / 60_000)} minutes` : `${timeoutMs / 1000} s`;
    const advice =
      'Make the build shorter (fewer files, a better layer order for the cache) or raise the build time limit.';
    this.timer = setTimeout(
      () =>
        this.controller.abort(
          new Invalid('build_timeout', `The build took longer than ${limit} and was stopped. ${advice}`),
        ),
      timeoutMs,
    );
    this.onAbort = () => this.controller.abort(caller.reason);
    caller.addEventListener('abort', this.onAbort, { once: true });
    if (caller.aborted) this.onAbort();
    request.context.on('error', this.onContextError);
  }

  private readonly onContextError = (cause: Error): void => {
    const known = cause instanceof AppError;
    this.controller.abort(
      known ? cause : new Internal('context_broken', 'The build context could not be read; deploy again.', { cause }),
    );
  };

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** null while nothing has stopped the build. */
  reason(): unknown {
    return this.signal.aborted ? this.signal.reason : null;
  }

  clear(): void {
    clearTimeout(this.timer);
    this.caller.removeEventListener('abort', this.onAbort);
    // A late error of the context (destroyed with us) must find a listener, or it would end the process: the listener stays.
  }
}
