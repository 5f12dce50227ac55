/** `$NAME`, `${NAME:-default}` and the like in values, as the Compose Specification says. Pure. */
import { composeInvalid } from './report.js';

export interface Interpolation {
  variables: Record<string, string>;
  /** A variable without a value and without a default: the text becomes empty there. */
  onUnset: (name: string) => void;
  path: string;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;
/** `${A:-${B:-...}}`: deeper than this nobody writes. */
const MAX_DEPTH = 8;

/** @throws Invalid `compose_invalid` for a broken expression and for `${NAME:?message}` without a value. */
export function interpolate(text: string, how: Interpolation, depth = 0): string {
  if (depth > MAX_DEPTH) throw composeInvalid(how.path, 'variables are nested too deeply');
  let out = '';
  for (let at = 0; at < text.length; ) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) return out + text.slice(at);
    out += text.slice(at, dollar);
    const [value, end] = expression(text, dollar, how, depth);
    out += value;
    at = end;
  }
  return out;
}

/** @returns the value and the index after the expression. */
function expression(text: string, at: number, how: Interpolation, depth: number): [string, number] {
  if (text[at + 1] === '$') return ['$', at + 2];
  if (text[at + 1] === '{') {
    const end = closing(text, at + 2);
    if (end < 0) throw composeInvalid(how.path, `"${text.slice(at, at + 40)}" opens \${ without closing it`);
    return [braced(text.slice(at + 2, end), how, depth), end + 1];
  }
  const name = NAME.exec(text.slice(at + 1, at + 257))?.[0];
  return name ? [plain(name, how), at + 1 + name.length] : ['$', at + 1];
}

function closing(text: string, from: number): number {
  let open = 1;
  for (let at = from; at < text.length; at += 1) {
    if (text.startsWith('${', at)) open += 1;
    else if (text[at] === '}') open -= 1;
    if (open === 0) return at;
  }
  return -1;
}

function braced(inside: string, how: Interpolation, depth: number): string {
  const name = NAME.exec(inside)?.[0];
  const operator = name === undefined ? null : /^(:?[-?+])?/.exec(inside.slice(name.length))?.[0];
  if (name === undefined || (operator === '' && inside.length > name.length))
    throw composeInvalid(how.path, `"\${${inside}}" is not a variable: write $$ for a dollar sign`);
  if (!operator) return plain(name, how);
  const rest = inside.slice(name.length + operator.length);
  const value = lookUp(name, how);
  const present = value !== undefined && (operator.length === 1 || value !== '');
  if (operator.endsWith('+')) return present ? interpolate(rest, how, depth + 1) : '';
  if (present) return value;
  if (operator.endsWith('-')) return interpolate(rest, how, depth + 1);
  throw composeInvalid(how.path, `the variable ${name} needs a value (${rest || 'required'}): give it in variables`);
}

function plain(name: string, how: Interpolation): string {
  const value = lookUp(name, how);
  if (value === undefined) how.onUnset(name);
  return value ?? '';
}

function lookUp(name: string, { variables }: Interpolation): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined;
}
