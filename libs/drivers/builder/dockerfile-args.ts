/**
 * Names that a Dockerfile declares with ARG. Only those are sent as build arguments: others would make BuildKit warn, and a value that
 * nobody asked for has no business inside the build.
 * Syntax: https://docs.docker.com/reference/dockerfile/ (ARG, parser directives, escape, comments between continued lines).
 */
const DIRECTIVE = /^#\s*([a-z]+)\s*=\s*(\S+)\s*$/i;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;

function escapeCharacter(lines: string[]): string {
  for (const line of lines) {
    const directive = DIRECTIVE.exec(line.trim());
    if (!directive) return '\\';
    if (directive[1]?.toLowerCase() === 'escape') return directive[2] === '`' ? '`' : '\\';
  }
  return '\\';
}

/** Joins continued lines; comment lines vanish, also in the middle of an instruction. */
function instructions(dockerfile: string): string[] {
  const lines = dockerfile.replace(/^\uFEFF/, '').split(/\r?\n/);
  const continuation = escapeCharacter(lines);
  const found: string[] = [];
  let open = '';
  for (const line of lines) {
    const text = line.trim();
    if (text.startsWith('#') || (text === '' && open !== '')) continue;
    const continues = text.endsWith(continuation);
    open += continues ? `${text.slice(0, -1)} ` : text;
    if (continues) continue;
    found.push(open);
    open = '';
  }
  return open === '' ? found : [...found, open];
}

/** Splits at blanks outside quotes: `A="x y" B=2` -> two declarations. */
function words(text: string): string[] {
  return text.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'])+/g) ?? [];
}

/** Unique names in order of appearance. Never throws: a broken Dockerfile is the builder's to refuse. */
export function declaredArgs(dockerfile: string): string[] {
  const names = new Set<string>();
  for (const instruction of instructions(dockerfile)) {
    const declaration = /^ARG\s+(.*)$/is.exec(instruction)?.[1];
    for (const word of words(declaration ?? '')) {
      const name = NAME.exec(word)?.[0];
      if (name) names.add(name);
    }
  }
  return [...names];
}
