/** Is one OpenAPI document a superset of another? Whoever wrote a client for the given one can use the other. Pure. */
import { type Document, operationsOf, type Schema } from './contract.js';

type Way = 'request' | 'response';

/** Each difference that a client would meet, as a sentence; empty when `ours` holds everything that `given` does. */
export function missing(given: Document, ours: Document, later: (path: string) => boolean): string[] {
  return operationsOf(given)
    .filter(({ path }) => !later(path))
    .flatMap(({ name, method, path, operation }) => {
      const own = ours.paths[path]?.[method.toLowerCase()];
      if (!own) return [`${name} is missing`];
      const parameters = (operation.parameters ?? []).flatMap((wanted) => {
        const found = own.parameters?.find((one) => one.name === wanted.name && one.in === wanted.in);
        if (!found) return [`${name}: parameter ${wanted.name} is missing`];
        if (found.required && !wanted.required) return [`${name}: parameter ${wanted.name} is required`];
        return compare(`${name} ?${wanted.name}`, 'request', given, wanted.schema, ours, found.schema);
      });
      const surplus = (own.parameters ?? [])
        .filter(({ name: its, required }) => required && !operation.parameters?.some((one) => one.name === its))
        .map((one) => `${name}: parameter ${one.name} is required, the contract has none`);
      const body = compareContent(`${name} body`, 'request', given, operation.requestBody?.content, ours, own.requestBody?.content);
      const insists = own.requestBody?.required && !operation.requestBody?.required ? [`${name}: a body is required`] : [];
      const answers = Object.entries(operation.responses).flatMap(([status, { content }]) =>
        own.responses[status]
          ? compareContent(`${name} ${status}`, 'response', given, content, ours, own.responses[status]?.content)
          : [`${name}: status ${status} is missing`],
      );
      return [...parameters, ...surplus, ...body, ...insists, ...answers];
    });
}

type Content = Record<string, { schema: Schema }> | undefined;

function compareContent(at: string, way: Way, given: Document, wanted: Content, ours: Document, found: Content): string[] {
  return Object.entries(wanted ?? {}).flatMap(([type, { schema }]) => {
    const own = found?.[type];
    return own ? compare(at, way, given, schema, ours, own.schema) : [`${at}: ${type} is missing`];
  });
}

function compare(at: string, way: Way, given: Document, wanted: Schema, ours: Document, found: Schema): string[] {
  const [left, right] = [resolved(given, wanted), alternatives(ours, found)];
  if (left.type === undefined && !left.properties) return [];
  const fitting = right.filter((one) => fits(left.type, one.type, way));
  if (fitting.length === 0) return [`${at}: ${left.type} is ${right.map(({ type }) => type).join(' or ')}`];
  const all = fitting.map((one) => inside(at, way, given, left, ours, one));
  return all.find((problems) => problems.length === 0) ?? all[0] ?? [];
}

function inside(at: string, way: Way, given: Document, left: Schema, ours: Document, right: Schema): string[] {
  const values = (left.enum ?? [])
    .filter((value) => right.enum && !right.enum.includes(value))
    .map((value) => `${at}: value ${JSON.stringify(value)} is missing`);
  const properties = Object.entries(left.properties ?? {}).flatMap(([name, schema]) => {
    const own = right.properties?.[name];
    return own ? compare(`${at}.${name}`, way, given, schema, ours, own) : [`${at}.${name} is missing`];
  });
  const demands = way === 'request' ? (right.required ?? []).filter((name) => !left.required?.includes(name)) : [];
  const items = left.items ? compare(`${at}[]`, way, given, left.items, ours, right.items ?? {}) : [];
  const map = typeof left.additionalProperties === 'object' ? left.additionalProperties : undefined;
  const ownMap = typeof right.additionalProperties === 'object' ? right.additionalProperties : undefined;
  const entries = map && ownMap ? compare(`${at}{}`, way, given, map, ours, ownMap) : [];
  const closed = map && !ownMap && right.additionalProperties !== true ? [`${at}: is no map`] : [];
  return [...values, ...properties, ...demands.map((name) => `${at}.${name} is required`), ...items, ...entries, ...closed];
}

/** A whole number is a number: what we send may be narrower, what we take may be wider. */
function fits(wanted: string | undefined, found: string | undefined, way: Way): boolean {
  if (wanted === found || found === undefined) return true;
  return way === 'response' ? wanted === 'number' && found === 'integer' : wanted === 'integer' && found === 'number';
}

function resolved(document: Document, schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name ? resolved(document, document.components.schemas[name] ?? {}) : schema;
}

/** Every form that a schema allows. */
function alternatives(document: Document, schema: Schema): Schema[] {
  const one = resolved(document, schema);
  const several = one.anyOf ?? one.oneOf;
  if (several) return several.flatMap((each) => alternatives(document, each));
  if (!one.allOf) return [one];
  const merged: Schema = { type: 'object', properties: {}, required: [] };
  for (const part of one.allOf.flatMap((each) => alternatives(document, each))) {
    Object.assign(merged.properties as object, part.properties);
    merged.required?.push(...(part.required ?? []));
    if (part.type) merged.type = part.type;
    if (part.enum) merged.enum = part.enum;
  }
  return [merged];
}
