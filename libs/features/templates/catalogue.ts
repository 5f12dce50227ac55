/** The official templates: data files, read once and checked whole. A catalogue with a fault does not start. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { engineVersions } from '#features/stacks/index.js';
import { productRoot } from '#platform/version.js';
import { parseText } from './expressions.js';
import { generateNothing } from './generators.js';
import { type TemplateFile, templateFile } from './template-file.js';
import { planTemplate } from './templates.plan.js';

export const CATALOGUE_FOLDER = path.join(productRoot(), 'deploy/templates');

/** @throws Error that names the file and the fault. */
export function loadCatalogue(folder = CATALOGUE_FOLDER): TemplateFile[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => {
    try {
      const file = requireTemplate(JSON.parse(readFileSync(path.join(folder, name), 'utf8')));
      if (`${file.id}.json` !== name) throw new Error(`its id is "${file.id}"`);
      return file;
    } catch (cause) {
      const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
      throw new Error(`template ${name}: ${reason}`, { cause });
    }
  });
}

/** The form, then everything that makes a deployment of it succeed or fail. @throws Error, ZodError, ExpressionError. */
export function requireTemplate(json: unknown): TemplateFile {
  const file = templateFile.parse(json);
  if (!file.parts[file.main]) throw new Error(`the main part "${file.main}" does not exist`);
  requireUsedVariables(file);
  for (const [key, part] of Object.entries(file.parts)) {
    if (!('database' in part)) requireExactImage(key, part.source?.image);
    else if (part.version && !engineVersions(part.database).includes(part.version))
      throw new Error(`part "${key}": ${part.database} has no version ${part.version}`);
  }
  // Every value resolved once, with a stand-in for what the user must give: unknown references and circles show here.
  const given = file.variables.filter(({ required }) => required).map(({ key }) => [key, 'given'] as const);
  planTemplate(file, {
    name: file.name,
    variables: Object.fromEntries(given),
    plan: 'starter',
    region: 'local',
    generate: generateNothing,
    identityOf: (name) => ({ id: name, alias: name, slug: name }),
    urlOf: () => 'http://example.test',
  });
  return file;
}

/** A variable that nothing refers to would be asked for in vain. */
function requireUsedVariables(file: TemplateFile): void {
  const texts = Object.values(file.parts).flatMap((part) =>
    'environment' in part ? Object.values(part.environment) : [],
  );
  const used = new Set(
    [...texts, ...file.variables.map(({ default: usual }) => usual ?? '')]
      .flatMap(parseText)
      .flatMap((piece) => (typeof piece !== 'string' && piece.kind === 'variable' ? [piece.key] : [])),
  );
  const idle = file.variables.find(({ key }) => !used.has(key));
  if (idle) throw new Error(`the variable ${idle.key} is not used by any part`);
}

/** A tag that moves makes two deployments of one template differ. */
function requireExactImage(key: string, image: string | undefined): void {
  if (image === undefined) return;
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  if (!tag || !/\d/.test(tag)) throw new Error(`part "${key}": the image ${image} needs an exact tag`);
}
