/** Parts of a stack -> what leaves the process. */
import type { DeployTemplateResponse, PlannedService } from '#contracts/templates.js';
import { MASK } from '#contracts/variables.js';
import type { StackPart } from './stack.js';
import type { CreatedPart } from './stacks.service.js';

export function sourceOf({ source }: Pick<StackPart['request'], 'source'>): { image?: string; repository?: string } {
  return {
    ...(source?.image ? { image: source.image } : {}),
    ...(source?.repository ? { repository: source.repository } : {}),
  };
}

/** Secret values are masked: they are never shown, also not before they exist. */
export function plannedService({ key, kind, identity, request, variables, after }: StackPart): PlannedService {
  return {
    key,
    kind,
    name: request.name,
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
    variables: Object.entries(variables).map(([name, { value, secret }]) => ({
      key: name,
      value: secret ? MASK : value,
      secret,
    })),
    depends_on: after,
  };
}

export function createdService({ part, deploymentId }: CreatedPart): DeployTemplateResponse['services'][number] {
  return {
    key: part.key,
    kind: part.kind,
    service_id: part.identity.id,
    name: part.request.name,
    deployment_id: deploymentId,
  };
}
