/** The service as it is now -> the configuration that a deployment carries with it. */

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
  const { variables, secretKeys } = await openVariables(tx, box, service.id);
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
    variables: { ...variables, ...overrides },
    secretKeys,
    volumes: service.volumes.map(({ id, mountPath }) => ({ name: volumeName(id), path: mountPath })),
  };
}
