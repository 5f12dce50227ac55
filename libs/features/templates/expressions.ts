/**
 * `${{...}}` in the texts of a template. Pure.
 *
 * | expression | value |
 * |---|---|
 * | `${{secret(32)}}`, `${{password(24)}}` | random letters and digits, secret |
 * | `${{hex(32)}}`, `${{base64(32)}}` | so many random bytes in hexadecimal or base64, secret |
 * | `${{uuid()}}` | a random UUID |
 * | `${{port}}`, `${{name}}` | port of the part itself, the name the user chose |
 * | `${{SITE_TITLE}}` | a variable of the template |
 * | `${{db.PASSWORD}}`, `${{self.HOST}}` | an output or environment variable of a part |
 */
export type Expression =
  | { kind: 'generator'; name: GeneratorName; size: number }
  | { kind: 'builtin'; name: 'port' | 'name' }
  | { kind: 'variable'; key: string }
  | { kind: 'reference'; part: string; key: string };

export type Piece = string | Expression;

/** Default and largest size of each generator; none for those without. */
const GENERATORS = {
  secret: [32, 256],
  password: [24, 128],
  hex: [32, 128],
  base64: [32, 128],
  uuid: [0, 0],
} as const;
export type GeneratorName = keyof typeof GENERATORS;

export class ExpressionError extends Error {}

/** "a${{secret(8)}}b" -> ['a', {...}, 'b']. @throws ExpressionError with the expression in it. */
export function parseText(text: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = 0;
  for (const match of text.matchAll(/\$\{\{(.*?)\}\}/g)) {
    if (match.index > rest) pieces.push(text.slice(rest, match.index));
    pieces.push(parseExpression((match[1] ?? '').trim()));
    rest = match.index + match[0].length;
  }
  if (text.slice(rest).includes('${{')) throw new ExpressionError(`"${text}" opens \${{ without closing it`);
  return rest < text.length ? [...pieces, text.slice(rest)] : pieces;
}

function parseExpression(text: string): Expression {
  const call = /^([a-z0-9]+)(?:\(\s*(\d*)\s*\))$/.exec(text);
  if (call) return generator(text, call[1] ?? '', call[2] ?? '');
  if (text === 'port' || text === 'name') return { kind: 'builtin', name: text };
  const reference = /^([a-z][a-z0-9]*)\.([A-Za-z_][A-Za-z0-9_]*)$/.exec(text);
  if (reference) return { kind: 'reference', part: reference[1] as string, key: reference[2] as string };
  if (/^[A-Z_][A-Z0-9_]*$/.test(text)) return { kind: 'variable', key: text };
  throw new ExpressionError(`\${{${text}}} is not an expression`);
}

function generator(text: string, name: string, size: string): Expression {
  if (!Object.hasOwn(GENERATORS, name)) throw new ExpressionError(`\${{${text}}} names an unknown generator`);
  const [usual, largest] = GENERATORS[name as GeneratorName];
  const wanted = size === '' ? usual : Number(size);
  if (wanted > largest || (wanted < 1 && largest > 0))
    throw new ExpressionError(`\${{${text}}} must ask for 1 to ${largest}`);
  return { kind: 'generator', name: name as GeneratorName, size: wanted };
}
