/** A command line of Redis as words, and what `redis-cli --json` printed as rows. */
import { Invalid } from '#platform/errors.js';
import type { QueryAnswer } from './engine.js';

/** Words as a shell would: quotes keep blanks together, backslash keeps the next sign. @throws Invalid `query_invalid` */
export function words(text: string): string[] {
  const found: string[] = [];
  const word = /\s*("(?:[^"\\]|\\[\s\S])*"|'[^']*'|(?:[^\s"'\\]|\\[\s\S])+)\s*/y;
  for (let at = 0; at < text.trimEnd().length; at = word.lastIndex) {
    word.lastIndex = at;
    const part = word.exec(text)?.[1];
    if (part === undefined) throw new Invalid('query_invalid', 'The quotes of the command do not match.');
    found.push(
      part.startsWith("'") ? part.slice(1, -1) : part.replace(/^"([\s\S]*)"$/, '$1').replace(/\\([\s\S])/g, '$1'),
    );
  }
  // redis-cli would take it for an option of its own.
  if (found.length === 0 || found[0]?.startsWith('-'))
    throw new Invalid('query_invalid', 'The query must be a Redis command with its arguments, such as: GET key');
  return found;
}

export function redisAnswer(stdout: string): QueryAnswer {
  const value = parsed(stdout);
  if (Array.isArray(value)) return { columns: ['value'], rows: value.map((item) => [textOf(item)]) };
  if (value !== null && typeof value === 'object')
    return { columns: ['key', 'value'], rows: Object.entries(value).map(([key, item]) => [key, textOf(item)]) };
  return { columns: ['value'], rows: [[textOf(value)]] };
}

function parsed(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return stdout.trimEnd();
  }
}

function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
