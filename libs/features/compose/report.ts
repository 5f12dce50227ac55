/** What was not honoured as it stands, in the order of the file. */
import type { ComposeNote } from '#contracts/compose.js';
import { Invalid } from '#platform/errors.js';

export class Report {
  readonly notes: ComposeNote[] = [];

  refused(path: string, reason: string): void {
    this.notes.push({ path, action: 'refused', reason });
  }

  ignored(path: string, reason: string): void {
    this.notes.push({ path, action: 'ignored', reason });
  }

  changed(path: string, reason: string): void {
    this.notes.push({ path, action: 'changed', reason });
  }

  /** Every key of a map that nobody has read. */
  others(path: string, map: Record<string, unknown>, known: string[], reason: string): void {
    for (const key of Object.keys(map)) if (!known.includes(key)) this.ignored(`${path}.${key}`, reason);
  }
}

export function composeInvalid(path: string, message: string, cause?: unknown): Invalid {
  const text = path ? `${path}: ${message}` : `The compose file is not valid: ${message}`;
  return new Invalid('compose_invalid', text, { details: { path }, cause });
}
