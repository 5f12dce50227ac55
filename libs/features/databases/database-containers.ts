/**
 * The container of a database: made, asked, removed. Everything here is idempotent and knows nothing of runs. Backups make their throw-away
 * databases of it, too.
 */
import { Inject, Injectable } from '@nestjs/common';
import {
  type Access,
  type Engine,
  type EngineCommand,
  engineOf,
  imageOf,
  type Settings,
} from '#drivers/engines/index.js';
import type { ContainerRuntime, Execution, Handle, Owner, Workload, WorkloadSpec } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { volumeName } from '#features/services/index.js';
import { Invalid, Unavailable } from '#platform/errors.js';
import { Installation } from '#platform/installation.js';
import { SecretBox } from '#platform/secrets.js';
import { pause } from '#workflows/attempt.js';
import { openCredentials } from './credentials.js';
import type { DatabaseRow } from './databases.queries.js';
import { limitsOf, settingsOf } from './plans.js';

export type ContainerRow = Pick<
  DatabaseRow,
  'id' | 'projectId' | 'type' | 'version' | 'plan' | 'alias' | 'credentials' | 'settings' | 'volumeId'
>;

/** What may differ from the database itself: for a throw-away one, or one on another volume. */
export interface Instance {
  engine: Engine;
  version: string;
  access: Access;
  settings: Settings;
  plan: string;
  name: string;
  projectId: string;
  databaseId: string;
  volumeId: string;
  /** Host names in the project's network; none: nobody finds it. */
  aliases: string[];
}

export interface Told {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const LOOK_MS = 100;
/** The engine is asked with a program inside its container, so not more often than this once it takes long. */
const LONGEST_LOOK_MS = 1000;
const CRASHES = 3;
/** Bytes of an answer that are kept; what comes after them is read and dropped. */
const ANSWER_BYTES = 4 * 2 ** 20;

/** The name never changes, so that whoever takes over finds the same container. */
export function containerName({ alias, id }: Pick<ContainerRow, 'alias' | 'id'>): string {
  return `${alias}-${id.slice(-12)}`;
}

/** As `networkName` of the releases: databases and services of a project share its network. */
export function projectNetwork(projectId: string): string {
  return `containr-${projectId}`;
}

@Injectable()
export class DatabaseContainers {
  constructor(
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly installation: Installation,
    private readonly box: SecretBox,
  ) {}

  async owner(): Promise<Owner> {
    return { installation: await this.installation.id() };
  }

  instanceOf(row: ContainerRow): Instance {
    return {
      engine: engineOf(row.type),
      version: row.version,
      access: openCredentials(this.box, row),
      settings: settingsOf(row),
      plan: row.plan,
      name: containerName(row),
      projectId: row.projectId,
      databaseId: row.id,
      volumeId: row.volumeId,
      aliases: [row.alias],
    };
  }

  /** @throws Invalid `image_unavailable`. */
  async ensureImage({ engine, version }: Instance, signal: AbortSignal): Promise<void> {
    await this.runtime.images.ensure(imageOf(engine, version), () => undefined, signal);
  }

  /** Network, volume, container; one that runs with other limits gets those it should have. */
  async ensureRunning(instance: Instance, signal: AbortSignal): Promise<Handle> {
    const owner = await this.owner();
    const { projectId, databaseId, volumeId } = instance;
    await this.runtime.networks.ensure(projectNetwork(projectId), { ...owner, project: projectId });
    await this.runtime.volumes.ensure(volumeName(volumeId), { ...owner, project: projectId, service: databaseId });
    const spec = specOf(instance, owner);
    const handle = await this.runtime.ensureRunning(spec, signal);
    await this.runtime.limit(handle, spec.limits);
    return handle;
  }

  async ensureAbsent(name: string, graceSeconds: number): Promise<void> {
    await this.runtime.ensureAbsent(name, await this.owner(), { graceSeconds });
  }

  async find(name: string): Promise<Workload | null> {
    return this.runtime.find(name, await this.owner());
  }

  /** Until the engine answers. @throws Invalid `database_crashed` with the last of its log when it ends again and again. */
  async awaitReady(instance: Instance, signal: AbortSignal): Promise<Handle> {
    const { restarts: before = 0 } = (await this.find(instance.name)) ?? {};
    for (let wait = LOOK_MS; ; wait = Math.min(wait * 1.5, LONGEST_LOOK_MS)) {
      const workload = await this.find(instance.name);
      if (!workload) throw new Invalid('database_gone', 'The container of the database was removed while it started.');
      if (workload.restarts - before >= CRASHES || workload.state === 'dead')
        throw await this.crashed(workload, signal);
      if (workload.state === 'running' && (await this.answers(workload, instance, signal))) return workload;
      await pause(wait, signal);
    }
  }

  private async answers(handle: Handle, { engine, access }: Instance, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.tell(handle, engine.ready(access), signal)).exitCode === 0;
    } catch (error) {
      // It ended between two looks: the next one tells.
      signal.throwIfAborted();
      if (
        ['workload_not_running', 'workload_not_found', 'engine_unreachable'].includes(
          (error as { code?: string }).code ?? '',
        )
      )
        return false;
      throw error;
    }
  }

  private async crashed(workload: Workload, signal: AbortSignal): Promise<Invalid> {
    const lines: string[] = [];
    for await (const batch of this.runtime.logs(workload, { tail: 10, follow: false }, signal))
      lines.push(...batch.map(({ message }) => message));
    const why = workload.oomKilled ? 'It needs more memory than its plan has. ' : '';
    const message = `The engine ends right after it is started. ${why}The last that it said: ${lines.join(' | ').slice(-1000)}`;
    return new Invalid('database_crashed', message);
  }

  /** Runs a command of an engine and keeps what it says. */
  async tell(handle: Handle, command: EngineCommand, signal: AbortSignal): Promise<Told> {
    const { stdout, ended } = await this.exec(handle, command, signal);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stdout) {
      if (bytes < ANSWER_BYTES) chunks.push(Buffer.from(chunk));
      bytes += chunk.length;
    }
    return { ...(await ended), stdout: Buffer.concat(chunks).subarray(0, ANSWER_BYTES).toString('utf8') };
  }

  /** The same as streams. @param stdin instead of the command's own */
  exec(
    handle: Handle,
    { argv, env, user, stdin }: EngineCommand,
    signal: AbortSignal,
    input: AsyncIterable<Uint8Array> | string | undefined = stdin,
  ): Promise<Execution> {
    const program = {
      argv,
      ...(env ? { env } : {}),
      ...(user ? { user } : {}),
      ...(input === undefined ? {} : { stdin: input }),
    };
    return this.runtime.exec(handle, program, signal);
  }

  /** @throws Unavailable `engine_refused`: it is tried again, an engine that has just started may need a moment. */
  async insist(handle: Handle, command: EngineCommand, signal: AbortSignal): Promise<string> {
    const { exitCode, stdout, stderr } = await this.tell(handle, command, signal);
    if (exitCode === 0) return stdout;
    throw new Unavailable('engine_refused', `The engine refused: ${firstLine(stderr || stdout)}`, { cause: stderr });
  }
}

export function firstLine(text: string): string {
  return (text.trim().split('\n')[0] ?? '').slice(0, 500);
}

function specOf(instance: Instance, owner: Owner): WorkloadSpec {
  const { engine, version, access, settings, plan, name, projectId, databaseId, volumeId, aliases } = instance;
  return {
    name,
    labels: { ...owner, project: projectId, service: databaseId, deployment: volumeId, role: 'database', replica: 0 },
    image: imageOf(engine, version),
    ...engine.container(access, settings),
    network: projectNetwork(projectId),
    aliases,
    limits: limitsOf(engine, plan),
    limitsInPlace: true,
    mounts: [{ volume: volumeName(volumeId), path: engine.dataPath }],
    restart: 'always',
    graceSeconds: engine.graceSeconds,
  };
}
