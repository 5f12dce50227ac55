/**
 * `.dockerignore`, with the semantics of github.com/moby/patternmatcher (what `docker build` uses), which are not gitignore's: patterns
 * are rooted at the context, `*` stops at `/`, `**` does not, `!` takes back, the last match wins, and a pattern that matches a folder
 * covers what is in it. Reference: https://docs.docker.com/build/concepts/context/#dockerignore-files
 *
 * Matched by stepping through the pattern's states rather than by a regular expression: a hostile file must not hang the platform.
 */

/** One step of a pattern. `any` = zero or more characters (`deep`: also `/`); `folders` = nothing, or anything that ends with `/`. */
type Token =
  | { kind: 'one'; test: (character: string) => boolean }
  | { kind: 'any'; deep: boolean }
  | { kind: 'folders' };

interface Pattern {
  exception: boolean;
  tokens: Token[];
}

const notSlash = (character: string): boolean => character !== '/';

/** The path as Go's filepath.Clean leaves it, without a leading `/`. */
function clean(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '..' || !pattern.startsWith('/')) parts.push(part);
  }
  return parts.join('/') || '.';
}

/** Contents of `[...]` at `start` (just after the bracket); null when it never closes: then `[` is an ordinary character. */
function characterClass(characters: string[], start: number): { token: Token; next: number } | null {
  let at = start;
  const negated = characters[at] === '^';
  if (negated) at++;
  const ranges: [string, string][] = [];
  const take = (): string => (characters[at] === '\\' ? (characters[++at] ?? '') : (characters[at] ?? ''));
  for (; at < characters.length && (characters[at] !== ']' || ranges.length === 0); at++) {
    const low = take();
    const isRange = characters[at + 1] === '-' && characters[at + 2] !== undefined && characters[at + 2] !== ']';
    if (isRange) at += 2;
    ranges.push([low, isRange ? take() : low]);
  }
  if (characters[at] !== ']') return null;
  const within = (character: string) => ranges.some(([low, high]) => character >= low && character <= high);
  return { token: { kind: 'one', test: (character) => within(character) !== negated }, next: at + 1 };
}

function literal(character: string): Token {
  return { kind: 'one', test: (other) => other === character };
}

function compile(text: string): Token[] {
  const characters = [...text];
  const tokens: Token[] = [];
  let at = 0;
  while (at < characters.length) {
    const character = characters[at++] ?? '';
    if (character === '*' && characters[at] === '*') {
      at++;
      if (characters[at] === '/') at++;
      const atStart = tokens.length === 0;
      const plainSuffix = atStart && text[2] !== '/' && !/[*?[\]\\]/.test(text.slice(2));
      tokens.push(at >= characters.length || plainSuffix ? { kind: 'any', deep: true } : { kind: 'folders' });
    } else if (character === '*') tokens.push({ kind: 'any', deep: false });
    else if (character === '?') tokens.push({ kind: 'one', test: notSlash });
    else if (character === '\\') tokens.push(literal(characters[at++] ?? '\\'));
    else if (character === '[') {
      const found = characterClass(characters, at);
      tokens.push(found?.token ?? literal('['));
      at = found?.next ?? at;
    } else tokens.push(literal(character));
  }
  return tokens;
}

/** Adds the states reachable without reading a character. State 2i = before token i; 2i+1 = inside the `folders` of token i. */
function reach(states: Set<number>, state: number, tokens: Token[]): void {
  if (states.has(state)) return;
  states.add(state);
  const kind = tokens[state >> 1]?.kind;
  if (state % 2 === 0 && kind === 'any') reach(states, state + 2, tokens);
  if (state % 2 === 0 && kind === 'folders') {
    reach(states, state + 2, tokens);
    reach(states, state + 1, tokens);
  }
}

function step(states: Set<number>, character: string, tokens: Token[]): Set<number> {
  const next = new Set<number>();
  for (const state of states) {
    const token = tokens[state >> 1];
    if (!token) continue;
    if (state % 2 === 1) {
      next.add(state);
      if (character === '/') reach(next, state + 1, tokens);
    } else if (token.kind === 'one' && token.test(character)) reach(next, state + 2, tokens);
    else if (token.kind === 'any' && (token.deep || character !== '/')) reach(next, state, tokens);
  }
  return next;
}

/** Lengths (in characters) of those beginnings of `path` that end at a `/` or the end and match: the path itself or a parent of it. */
function matches(tokens: Token[], path: string): boolean {
  let states = new Set<number>();
  reach(states, 0, tokens);
  const end = tokens.length * 2;
  for (const character of path) {
    if (character === '/' && states.has(end)) return true;
    states = step(states, character, tokens);
    if (states.size === 0) return false;
  }
  return states.has(end);
}

function parse(file: string): Pattern[] {
  const patterns: Pattern[] = [];
  for (const line of file.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const text = line.trim();
    const exception = text.startsWith('!');
    const body = (exception ? text.slice(1) : text).trim();
    // "!" alone and "." are nothing to match: `docker build` refuses the first and ignores the second.
    if (body === '' || clean(body) === '.') continue;
    patterns.push({ exception, tokens: compile(clean(body)) });
  }
  return patterns;
}

export class DockerIgnore {
  private readonly patterns: Pattern[];

  /** @param file contents of `.dockerignore`. @param keep paths that stay whatever the file says. */
  constructor(
    file: string,
    private readonly keep: string[] = [],
  ) {
    this.patterns = parse(file);
  }

  /** @param path relative to the context, POSIX, no leading or trailing `/`. */
  excludes(path: string): boolean {
    if (this.keep.includes(path)) return false;
    let excluded = false;
    for (const pattern of this.patterns) {
      if (pattern.exception === excluded && matches(pattern.tokens, path)) excluded = !pattern.exception;
    }
    return excluded;
  }
}
