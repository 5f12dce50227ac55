/** SIGTERM or SIGINT: stop accepting, end event streams, finish what runs, leave. */
import type { Logger } from './logger.js';

/** After this the process ends whatever is still open; supervisors usually kill after 30 s. */
const DEADLINE_MS = 20_000;

/** @param delayMs what the closing itself may wait before it begins; the deadline counts from there. */
export function stopOnSignals(close: () => Promise<void>, logger: Logger, delayMs = 0): void {
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    // A second signal means "now".
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'Stopping');
    const late = setTimeout(() => leave(1, 'Requests were still open at the deadline'), delayMs + DEADLINE_MS);
    late.unref();
    await close().then(
      () => leave(0, 'Stopped'),
      (error: unknown) => leave(1, 'Could not stop cleanly', error),
    );
  };
  const leave = (code: number, message: string, error?: unknown) => {
    logger.info({ err: error }, message);
    process.exit(code);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
