// Ctrl-C and SIGTERM: the first asks to stop in order, the second to be quick about it.
import { SetupError } from './log.mjs';

/** @returns {{ asked: AbortSignal, hurried: AbortSignal, done: () => void }} */
export function onStopSignals() {
  const ask = new AbortController();
  const hurry = new AbortController();
  const listener = () => (ask.signal.aborted ? hurry : ask).abort(new SetupError('Stopped.'));
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, listener);
  const done = () => {
    for (const name of ['SIGINT', 'SIGTERM']) process.off(name, listener);
  };
  return { asked: ask.signal, hurried: hurry.signal, done };
}

/** Resolves when `signal` aborts. */
export const aborted = (signal) =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
