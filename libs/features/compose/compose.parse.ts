/** Text of a compose file -> plain values, within limits, with variables filled in. */
import { type Document, isPair, isScalar, parseDocument, visit } from 'yaml';
import { interpolate } from './interpolation.js';
import { composeInvalid, type Report } from './report.js';

export type YamlMap = Record<string, unknown>;

/** Aliases may multiply what a small text says. */
const MAX_ALIASES = 100;
const MAX_NODES = 10_000;
const MAX_DEPTH = 32;
/** Brackets open at the same time; the parser is recursive, and slow at the end of its stack. */
const MAX_BRACKETS = 100;
/** Characters of all values together, variables filled in. */
const MAX_CHARACTERS = 1024 * 1024;

/** @throws Invalid `compose_invalid`. */
export function parseCompose(text: string, variables: Record<string, string>, report: Report): YamlMap {
  requireShallow(text);
  const filled = new Filler(variables, report).value(read(text), '', 0);
  if (!isMap(filled)) throw composeInvalid('', 'it must be a map with the key services');
  return filled;
}

function read(text: string): unknown {
  try {
    // The parser's own search for duplicate keys takes a time that grows with the square of their number.
    const document = parseDocument(text, { merge: true, uniqueKeys: false, strict: true, logLevel: 'silent' });
    const [error] = document.errors;
    if (error) throw error;
    requireModest(document);
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    // Whatever the parser stumbles over (syntax, duplicate keys, too many aliases, its own stack) is a fault of the text.
    const [line] = ((cause as Error).message ?? '').split('\n');
    throw composeInvalid('', (line ?? '').slice(0, 300), cause);
  }
}

/** @throws Error for too many nodes and for duplicate keys. */
function requireModest(document: Document): void {
  let nodes = 0;
  visit(document, {
    Node: () => {
      nodes += 1;
      if (nodes > MAX_NODES) throw new Error('it is too large');
    },
    Map: (_key, map) => {
      const seen = new Set<unknown>();
      for (const pair of map.items) {
        const key = isPair(pair) && isScalar(pair.key) ? pair.key.value : undefined;
        if (key === undefined) continue;
        if (seen.has(key)) throw new Error(`map keys must be unique: "${String(key)}" is there twice`);
        seen.add(key);
      }
    },
  });
}

/** Before parsing. Brackets inside quotes count too: no honest file has so many. */
function requireShallow(text: string): void {
  let open = 0;
  for (const character of text) {
    if (character === '{' || character === '[') open += 1;
    else if (character === '}' || character === ']') open = Math.max(0, open - 1);
    if (open > MAX_BRACKETS) throw composeInvalid('', 'it is nested too deeply');
  }
  if (/(?:^|\n)\s*(?:[-?] ){100,}/.test(text)) throw composeInvalid('', 'it is nested too deeply');
}

/** Fills variables in and counts; objects that an alias shares are copied. */
class Filler {
  private nodes = 0;
  private characters = 0;

  constructor(
    private readonly variables: Record<string, string>,
    private readonly report: Report,
  ) {}

  value(value: unknown, path: string, depth: number): unknown {
    this.nodes += 1;
    if (this.nodes > MAX_NODES || depth > MAX_DEPTH) throw composeInvalid('', 'it is too large or nested too deeply');
    if (typeof value === 'string') return this.text(value, path);
    if (Array.isArray(value)) return value.map((item, index) => this.value(item, `${path}[${index}]`, depth + 1));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => {
      if (key === '__proto__') throw composeInvalid(path, 'the key __proto__ is not allowed');
      return [key, this.value(item, path ? `${path}.${key}` : key, depth + 1)] as const;
    });
    return Object.fromEntries(entries);
  }

  private text(text: string, path: string): string {
    const onUnset = (name: string) =>
      this.report.changed(path, `The variable ${name} has no value: it was filled with nothing.`);
    const filled = text.includes('$') ? interpolate(text, { variables: this.variables, onUnset, path }) : text;
    this.characters += filled.length;
    if (this.characters > MAX_CHARACTERS) throw composeInvalid('', 'it is too large once its variables are filled in');
    return filled;
  }
}

export function isMap(value: unknown): value is YamlMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A scalar as the text that compose would take it for; null for lists, maps and nothing. */
export function scalar(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : null;
}

/** `KEY: value` or `- KEY=value` -> pairs; null where no value is given. @throws Invalid `compose_invalid`. */
export function pairs(value: unknown, path: string): [string, string | null][] {
  if (isMap(value)) return Object.entries(value).map(([key, item]) => [key, scalar(item)]);
  return list(value, path).map((item) => {
    const text = scalar(item) ?? '';
    const equals = text.indexOf('=');
    return equals < 0 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)];
  });
}

/** @throws Invalid `compose_invalid`. */
export function list(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw composeInvalid(path, 'must be a list');
  return value;
}

/** Words as compose splits a command: quotes and backslashes, no shell. @throws Invalid `compose_invalid`. */
export function words(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.map((item) => scalar(item) ?? '');
  const text = scalar(value);
  if (text === null) throw composeInvalid(path, 'must be a text or a list of texts');
  const found: string[] = [];
  for (const match of text.matchAll(/(?:"(?:\\[\s\S]|[^"\\])*"|'[^']*'|\\[\s\S]|[^\s"'\\])+/g))
    found.push(unquoted(match[0]));
  if (/["']/.test(text.replace(/"(?:\\[\s\S]|[^"\\])*"|'[^']*'|\\[\s\S]/g, '')))
    throw composeInvalid(path, 'has a quote without its partner');
  return found;
}

function unquoted(word: string): string {
  return word.replace(/"((?:\\[\s\S]|[^"\\])*)"|'([^']*)'|\\([\s\S])/g, (_all, double, single, escaped) =>
    double !== undefined ? double.replace(/\\(["\\$`])/g, '$1') : (single ?? escaped),
  );
}

/** "1m30s" -> 90; null when it is no duration. Seconds, rounded up. */
export function seconds(value: unknown): number | null {
  const text = scalar(value)?.trim() ?? '';
  if (!/^(\d+(\.\d+)?(us|ms|s|m|h))+$/.test(text)) return null;
  const units: Record<string, number> = { us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g)];
  return Math.ceil(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit as string] ?? 0), 0));
}

/** Compose's "512m" is 512 MiB: "512Mi" in our words. Null when it is no amount. */
export function memory(value: unknown): string | null {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt])?(?:i?b)?$/i.exec(scalar(value)?.trim() ?? '');
  if (!match) return null;
  const unit = (match[2] ?? 'b').toLowerCase();
  return unit === 'b' ? String(Math.ceil(Number(match[1]))) : `${match[1]}${unit === 'k' ? 'K' : unit.toUpperCase()}i`;
}
