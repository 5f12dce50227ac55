/** The reference of the configuration, from its schema: used by tools/generate-config-docs.mjs. */
import { z } from 'zod';

export interface Setting {
  name: string;
  /** Text of the default, '' when the default is "nothing", null when the setting must be given. */
  fallback: string | null;
  /** False: may be left out although it has no default. */
  required: boolean;
  description: string;
  /** In words, e.g. `number, 1 to 65535`. */
  values: string;
}

export function describeConfig(schema: z.ZodObject): Setting[] {
  return Object.entries(schema.shape).map(([name, member]) => describeSetting(name, member as z.ZodType));
}

/** Everything is commented out: a copy of the file changes nothing until a line is edited. */
export function envExample(settings: Setting[]): string {
  const head =
    '# Generated from libs/platform/config.ts by tools/generate-config-docs.mjs. `npm start` sets what is required.\n';
  const entries = settings.map(({ name, fallback, description }) => `# ${description}\n#${name}=${fallback ?? ''}\n`);
  return [head, ...entries].join('\n');
}

export function configPage(settings: Setting[]): string {
  const rows = settings.map(
    ({ name, fallback, required, values, description }) =>
      `| \`${name}\` | ${values} | ${defaultCell(fallback, required)} | ${escapeCell(description)} |`,
  );
  return `# Configuration

Everything below comes from the environment and is read once, at start. A wrong or missing value stops the process with a list of all
problems. \`npm start\` and \`npm run demo\` generate what is required into the data folder (mode 0600); nothing secret has a default.

| Variable | Values | Default | Meaning |
|---|---|---|---|
${rows.join('\n')}

This page and \`.env.example\` are generated from \`libs/platform/config.ts\` by \`node tools/generate-config-docs.mjs\`.
`;
}

function describeSetting(name: string, schema: z.ZodType): Setting {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;
  const missing = schema.safeParse(undefined).success;
  return {
    name,
    fallback: fallbackOf(json, missing),
    required: !missing,
    description: String(json.description ?? ''),
    values: valuesOf(json, schema),
  };
}

/** The written default, not the parsed one: a folder is resolved against wherever this runs. */
function fallbackOf(json: Record<string, unknown>, missing: boolean): string | null {
  if (json.default !== undefined) return String(json.default);
  return missing ? '' : null;
}

function valuesOf(json: Record<string, unknown>, schema: z.ZodType): string {
  if (Array.isArray(json.enum)) return json.enum.map((value) => `\`${value}\``).join(', ');
  const type = json.type === 'integer' ? 'whole number' : json.type;
  if (type === 'number' || type === 'whole number') return `${type}, ${json.minimum} to ${json.maximum}`;
  return schema instanceof z.ZodOptional && json.format === 'uri' ? 'URL' : 'text';
}

function defaultCell(fallback: string | null, required: boolean): string {
  if (required) return '**required**';
  return fallback ? `\`${escapeCell(fallback)}\`` : '';
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
