/** Shorter values are too common in ordinary output: hiding them would shred the log and protect nothing. Characters. */
const SHORTEST = 4;
const MASK = '********';

/** Hides secret values, and each line of a secret of several lines, that a step printed by mistake. */
export function redactor(secrets: string[]): (text: string) => string {
  const values = [...new Set(secrets.flatMap((secret) => [secret, ...secret.split(/\r?\n/)]))]
    .filter((value) => value.trim().length >= SHORTEST)
    .sort((a, b) => b.length - a.length);
  if (values.length === 0) return (text) => text;
  return (text) => values.reduce((shown, value) => shown.replaceAll(value, MASK), text);
}
