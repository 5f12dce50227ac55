/** Templates and stacks -> what leaves the process. */
import type { ServiceTemplate, TemplateConfig, TemplateDetail, TemplatePartView } from '#contracts/templates.js';
import { engineOf, imageOf } from '#drivers/engines/index.js';
import { sourceOf } from '#features/stacks/index.js';
import type { TemplateFile } from './template-file.js';
import { type OpenDatabase, type OpenPart, type OpenService, openParts } from './templates.plan.js';

export function templateDetail(file: TemplateFile): TemplateDetail {
  const config = configOf(file);
  return { template: summary(file, config), config, variables: file.variables };
}

function summary(file: TemplateFile, config: TemplateConfig): ServiceTemplate {
  return {
    id: file.id,
    name: file.name,
    description: file.description,
    category: file.category,
    logo: file.logo,
    config: JSON.stringify(config),
    variables: JSON.stringify(file.variables),
    is_official: true,
    created_at: file.created_at,
    updated_at: file.updated_at,
  };
}

/** The main part in the contract's words, and all parts beside it. */
function configOf(file: TemplateFile): TemplateConfig {
  const parts = openParts(file);
  const main = parts.find(({ key }) => key === file.main) as OpenPart;
  if ('database' in main) return databaseConfig(main, parts);
  const { request } = main;
  const { build_command, start_command } = request.build_config ?? {};
  return {
    type: request.type,
    ...(request.source?.image ? { runtime: request.source.image } : {}),
    ...(build_command ? { build_command } : {}),
    ...(start_command ? { start_command } : {}),
    ...(request.port ? { port: request.port } : {}),
    ...(request.health_check_path ? { health_check: request.health_check_path } : {}),
    environment: main.environment,
    ...(request.source?.dockerfile ? { dockerfile: request.source.dockerfile } : {}),
    parts: parts.map(partView),
  };
}

function databaseConfig({ database }: OpenDatabase, parts: OpenPart[]): TemplateConfig {
  const engine = engineOf(database.type);
  return {
    type: 'database',
    runtime: imageOf(engine, database.version),
    port: engine.port,
    environment: {},
    parts: parts.map(partView),
  };
}

function partView(part: OpenPart): TemplatePartView {
  return 'database' in part ? databaseView(part) : serviceView(part);
}

function databaseView({ key, kind, database, after }: OpenDatabase): TemplatePartView {
  const engine = engineOf(database.type);
  return {
    key,
    kind,
    database: database.type,
    image: imageOf(engine, database.version),
    port: engine.port,
    environment: {},
    volumes: [{ name: 'data', mount_path: engine.dataPath }],
    depends_on: after,
  };
}

function serviceView({ key, kind, request, environment, after }: OpenService): TemplatePartView {
  return {
    key,
    kind,
    type: request.type,
    ...sourceOf(request),
    ...(request.port ? { port: request.port } : {}),
    ...(request.health_check_path ? { health_check: request.health_check_path } : {}),
    environment,
    volumes: request.volumes ?? [],
    depends_on: after,
  };
}
