/** What a process does with its memory once it has started. */
import v8 from 'node:v8';

/**
 * Starts lean, works fast. Under `--optimize-for-size` V8 grows the heap in small steps: after the start it holds 40 MB less, because the
 * garbage of the start is collected instead of kept as room. Later that makes it collect all the time: half of the CPU of a list of 100
 * services was garbage collection. V8 reads the flag whenever it decides how far the heap may grow, so it can be taken back.
 * https://nodejs.org/docs/latest-v20.x/api/v8.html#v8setflagsfromstringflags
 */
export function startedUp(): void {
  v8.setFlagsFromString('--no-optimize-for-size');
}
