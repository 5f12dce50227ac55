/**
 * zod -> JSON schema, in the two dialects that we need:
 * - for openapi.json: named schemas (`.meta({ id })`) become `#/components/schemas/<id>`;
 * - for Fastify's serializer: everything inline, as a route schema knows nothing of the document around it.
 */
import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;
type Direction = 'input' | 'output';

const components = new Map<string, JsonSchema>();

/** Every named schema that an operation uses, by name, for `components.schemas`. */
export function componentSchemas(): Record<string, JsonSchema> {
  return Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function documentSchema(schema: z.ZodType, io: Direction): JsonSchema {
  const json = z.toJSONSchema(schema, {
    io,
    target: 'openapi-3.0',
    unrepresentable: 'any',
    override: tidy,
  }) as JsonSchema;
  const { definitions = {}, ...root } = json as { definitions?: Record<string, JsonSchema> };
  const names = new Map(Object.keys(definitions).map((id) => [id, nameOf(id, io, definitions[id] ?? {})]));
  for (const [id, name] of names) components.set(name, relink(definitions[id] ?? {}, names) as JsonSchema);
  return relink(root, names) as JsonSchema;
}

/** Without ids there are no references; unknown fields are dropped because every object is closed on output. */
export function serializerSchema(schema: z.ZodType): JsonSchema {
  const json = z.toJSONSchema(schema, {
    io: 'output',
    target: 'openapi-3.0',
    unrepresentable: 'any',
    metadata: z.registry<Record<string, never>>(),
  });
  return json as JsonSchema;
}

/** A schema that reads differently as input (defaults, coercion) than as output keeps its name for output. */
function nameOf(id: string, io: Direction, definition: JsonSchema): string {
  const plain = (value: JsonSchema) => JSON.stringify(value).replaceAll('#/definitions/', '#/components/schemas/');
  const known = components.get(id);
  if (!known || plain(known) === plain(definition)) return id;
  return io === 'input' ? `${id}Input` : id;
}

function relink(value: unknown, names: Map<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => relink(item, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (key !== '$ref' || typeof item !== 'string') return [key, relink(item, names)];
      const id = item.replace('#/definitions/', '');
      return [key, `#/components/schemas/${names.get(id) ?? id}`];
    }),
  );
}

/** Regular expressions of formats and the largest safe integer are noise in a document that people read. */
function tidy({ jsonSchema }: { jsonSchema: JsonSchema }): void {
  if (jsonSchema.format) delete jsonSchema.pattern;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.type === 'object' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
}
