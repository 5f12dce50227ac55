/** The service as it is now -> the configuration that a deployment carries with it. */

import { resolveReferences } from '#features/databases/index.js';
import type { ReleaseConfig } from '#features/releases/index.js';
import { openVariables, type ServiceRow, settingsOf, volumeName } from '#features/services/index.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import type { SecretBox } from '#platform/secrets.js';

export async function freezeConfig(
  tx: Tx,
  box: SecretBox,
  service: ServiceRow,
  overrides: Record<string, string> = {},
): Promise<ReleaseConfig> {
  const stored = await openVariables(tx, box, service.id);
  const wanted = { ...stored.variables, ...overrides };
  const { variables, secretKeys } = await resolveReferences(tx, box, service.projectId, wanted);
  return {
    projectId: service.projectId,
    serviceId: service.id,
    type: service.type as ReleaseConfig['type'],
    alias: service.alias,
    source: service.source as ReleaseConfig['source'],
    build: service.buildConfig as ReleaseConfig['build'],
    resources: service.resources as ReleaseConfig['resources'],
    port: service.port,
    healthCheckPath: service.healthCheckPath,
    replicas: service.replicas,
    settings: settingsOf(service.settings),
    variables,
    secretKeys: [...new Set([...stored.secretKeys, ...secretKeys])],
    volumes: service.volumes.map(({ id, mountPath }) => ({ name: volumeName(id), path: mountPath })),
  };
}
