/** Parts of a stack -> what leaves the process. */
import type { DeployTemplateResponse, PlannedService } from '#contracts/templates.js';
import { MASK } from '#contracts/variables.js';
import { engineOf, imageOf } from '#drivers/engines/index.js';
import { limitsOf } from '#features/databases/index.js';
import { type DatabasePart, isDatabase, type ServicePart, type StackPart } from './stack.js';
import type { CreatedPart } from './stacks.service.js';

export function sourceOf({ source }: Pick<ServicePart['request'], 'source'>): { image?: string; repository?: string } {
  return {
    ...(source?.image ? { image: source.image } : {}),
    ...(source?.repository ? { repository: source.repository } : {}),
  };
}

export function plannedPart(part: StackPart): PlannedService {
  return isDatabase(part) ? plannedDatabase(part) : plannedService(part);
}

/** Secret values are masked: they are never shown, also not before they exist. */
function plannedService({ key, kind, name, identity, request, variables, after }: ServicePart): PlannedService {
  return {
    key,
    kind,
    name,
    type: request.type,
    internal_host: identity.alias,
    ...sourceOf(request),
    port: request.port ?? null,
    health_check_path: request.health_check_path ?? null,
    replicas: request.replicas ?? 1,
    resources: {
      ...(request.resources?.cpu ? { cpu: request.resources.cpu } : {}),
      ...(request.resources?.memory ? { memory: request.resources.memory } : {}),
    },
    volumes: request.volumes ?? [],
    variables: Object.entries(variables).map(([variable, { value, secret }]) => ({
      key: variable,
      value: secret ? MASK : value,
      secret,
    })),
    depends_on: after,
    database: null,
  };
}

function plannedDatabase({ key, kind, name, identity, database, after }: DatabasePart): PlannedService {
  const engine = engineOf(database.type);
  const { cpus, memoryBytes } = limitsOf(engine, database.plan);
  return {
    key,
    kind,
    name,
    type: null,
    internal_host: identity.alias,
    image: imageOf(engine, database.version),
    port: engine.port,
    health_check_path: null,
    replicas: 1,
    resources: { cpu: String(cpus), memory: `${memoryBytes / 2 ** 20}Mi` },
    volumes: [{ name: 'data', mount_path: engine.dataPath }],
    variables: [],
    depends_on: after,
    database,
  };
}

export function createdPart({
  part,
  databaseId,
  deploymentId,
}: CreatedPart): DeployTemplateResponse['services'][number] {
  return {
    key: part.key,
    kind: part.kind,
    service_id: isDatabase(part) ? null : part.identity.id,
    database_id: databaseId,
    name: part.name,
    deployment_id: deploymentId,
  };
}

/** For answers: what a reader should know about how databases are made. Empty when there is none. */
export function databaseNote(parts: StackPart[]): string {
  const managed = parts.filter(isDatabase).map(({ name, database: { type, version, plan } }) => {
    return `${name} (${engineOf(type).name} ${version}, plan ${plan})`;
  });
  const closed = parts.some((part) => part.kind === 'database' && !isDatabase(part));
  return [
    managed.length > 0 ? `Managed databases: ${managed.join(', ')}.` : '',
    closed
      ? 'Databases that are private services with a named volume are reached inside the project only and have no managed backups.'
      : '',
  ]
    .filter(Boolean)
    .join(' ');
}
