/** Why a container would not start, told so that the owner of the image can act on it. */
import { type AppError, Invalid } from '#platform/errors.js';
import { refusalOf } from './errors.js';

/** Faults of the image or the command, in the words of dockerd 20.10 to 29, runc and crun. */
const USER_FAULT =
  /executable file not found|no such file or directory|permission denied|exec format error|is a directory|not a directory|unable to find (user|group)|no matching entries in (passwd|group)|no command specified|minimum memory limit|invalid mount|mount path must be absolute/i;

/** Wrapping that says who failed, not why: `OCI runtime create failed: container_linux.go:380: starting container process caused: ...`. */
const WRAPPING =
  /^(failed to create (task for container|shim task|shim)|OCI runtime (create|start) failed|runc (create|start|run) failed|\w+\.go:\d+|starting container process caused|unable to start container process|error during container init): */i;

/** Invalid `start_failed` when the reason lies in the image or the spec; else the error as it was. */
export function startFailure(error: unknown, name: string): unknown {
  const refusal = refusalOf(error);
  if (!refusal || !USER_FAULT.test(refusal.reason)) return error;
  const message = `The container cannot start: ${readable(refusal.reason)}. Check the image's ENTRYPOINT and CMD, or the service's start command.`;
  return new Invalid('start_failed', message, { cause: (error as AppError).cause, details: { name } });
}

/** The engine's reason without its wrapping. */
export function readable(reason: string): string {
  let text = reason.replace(/: unknown$/, '');
  while (WRAPPING.test(text)) text = text.replace(WRAPPING, '');
  return text.replace(/\.$/, '');
}
