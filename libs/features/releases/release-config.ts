/**
 * Everything a release needs, frozen when its deployment is made: what is deployed is never changed by editing the service, and a
 * rollback brings back the configuration together with the image. Stored encrypted, because it holds the variables.
 */

import type { ServiceSource } from '#contracts/service-source.js';
import type { BuildConfig, ReleaseSettings, ResourceConfig } from '#contracts/services.js';
import { parseBytes, parseCpus } from '#contracts/services.js';
import type { WorkloadRole, WorkloadSpec } from '#drivers/runtime/port.js';
import type { SecretBox } from '#platform/secrets.js';

export interface ReleaseConfig {
  projectId: string;
  serviceId: string;
  type: 'web' | 'worker' | 'cron';
  alias: string;
  source: ServiceSource;
  build: BuildConfig;
  resources: ResourceConfig;
  port: number | null;
  healthCheckPath: string | null;
  replicas: number;
  settings: ReleaseSettings;
  variables: Record<string, string>;
  /** Which of them are secret: their values never appear in a log. */
  secretKeys: string[];
  volumes: { name: string; path: string }[];
  /** Deployments made in the same moment that must be live before this one starts. */
  after?: string[];
  /** Runs that bring up databases made in the same moment: they must succeed before this one starts. */
  afterRuns?: string[];
}

export function sealConfig(box: SecretBox, deploymentId: string, config: ReleaseConfig): string {
  return box.seal(JSON.stringify(config), `deployment:${deploymentId}`);
}

export function openConfig(box: SecretBox, deployment: { id: string; config: string }): ReleaseConfig {
  return JSON.parse(box.open(deployment.config, `deployment:${deployment.id}`)) as ReleaseConfig;
}

/** For the redactor of everything that this release writes. */
export function secretValues(config: Pick<ReleaseConfig, 'variables' | 'secretKeys'>): string[] {
  return config.secretKeys.flatMap((key) => config.variables[key] ?? []);
}

/** Container names of a deployment. The deployment's id makes them unique on an engine that several installations share. */
export function releaseNames(config: Pick<ReleaseConfig, 'alias' | 'replicas'>, deploymentId: string): string[] {
  return Array.from(
    { length: config.replicas },
    (_, replica) => `${config.alias}-${shortId(deploymentId)}-${replica + 1}`,
  );
}

/** Last part of the id: the first ones of ids made in the same moment could be alike in a time-ordered scheme. */
export function shortId(id: string): string {
  return id.slice(-12);
}

export function networkName(projectId: string): string {
  return `containr-${projectId}`;
}

export const DEFAULT_PORT = 3000;

/** The service's port, else its variable PORT, else the image's single EXPOSE, else 3000. */
export function portOf(config: Pick<ReleaseConfig, 'port' | 'variables'>, exposedPorts: number[]): number {
  const variable = Number(config.variables.PORT);
  if (config.port) return config.port;
  if (Number.isInteger(variable) && variable > 0 && variable < 65_536) return variable;
  return exposedPorts.length === 1 ? (exposedPorts[0] as number) : DEFAULT_PORT;
}

export interface ReleaseIdentity {
  installation: string;
  deploymentId: string;
  commit: string | null;
  /** Image id. */
  image: string;
  port: number;
}

const PIDS_LIMIT = 1024;
const DEFAULT_CPUS = 1;
const DEFAULT_MEMORY = 512 * 2 ** 20;

export function workloadSpec(
  config: ReleaseConfig,
  who: ReleaseIdentity,
  role: WorkloadRole,
  name: string,
  replica: number,
): WorkloadSpec {
  return {
    name,
    labels: {
      installation: who.installation,
      project: config.projectId,
      service: config.serviceId,
      deployment: who.deploymentId,
      role,
      replica,
    },
    image: who.image,
    ...programOf(config.build),
    env: environmentOf(config, who, replica),
    network: networkName(config.projectId),
    // A job must not answer for the service's name.
    aliases: role === 'release' ? [config.alias] : [],
    limits: {
      cpus: parseCpus(config.resources.cpu ?? '') ?? DEFAULT_CPUS,
      memoryBytes: parseBytes(config.resources.memory ?? '') ?? DEFAULT_MEMORY,
      pids: PIDS_LIMIT,
    },
    mounts: config.volumes.map(({ name: volume, path }) => ({ volume, path })),
    restart: role === 'release' ? 'always' : 'never',
    ...(config.settings.stop_signal ? { stopSignal: config.settings.stop_signal } : {}),
    graceSeconds: config.settings.stop_grace_period,
  };
}

/** What is started: the whole program, only its arguments, or what the image says. */
function programOf(build: BuildConfig): Pick<WorkloadSpec, 'command' | 'arguments'> {
  const { start_command, entrypoint, arguments: given } = build;
  if (start_command) return { command: commandOf(start_command) };
  if (entrypoint) return { command: [...entrypoint, ...(given ?? [])] };
  return given ? { arguments: given } : {};
}

function environmentOf(config: ReleaseConfig, who: ReleaseIdentity, replica: number): Record<string, string> {
  return {
    ...config.variables,
    ...(config.type === 'web' ? { PORT: String(who.port) } : {}),
    CONTAINR_PROJECT_ID: config.projectId,
    CONTAINR_SERVICE_ID: config.serviceId,
    CONTAINR_DEPLOYMENT_ID: who.deploymentId,
    CONTAINR_REPLICA: String(replica),
    ...(who.commit ? { CONTAINR_GIT_COMMIT: who.commit } : {}),
  };
}

/**
 * A start command as argv. Words and quotes are split here; anything only a shell understands runs in the image's own /bin/sh, so an
 * image without a shell still starts plain commands.
 */
export function commandOf(text: string): string[] {
  if (/[$`|&;<>()*?[\]{}~#!\\\n]/.test(text) || /^\s*\w+=/.test(text)) return ['/bin/sh', '-c', text];
  const words = text.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? [];
  const adjacent = /["'][^\s]|[^\s]["']\S*["']/.test(text.replace(/(^|\s)("[^"]*"|'[^']*')(?=\s|$)/g, ' '));
  if (adjacent) return ['/bin/sh', '-c', text];
  return words.map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
}
