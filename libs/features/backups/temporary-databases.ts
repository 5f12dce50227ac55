/** Databases that are there for one run only: to prove a backup, or to load one beside the data that serves. */
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime, Handle } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { DatabaseContainers, type Instance } from '#features/databases/index.js';
import { volumeName } from '#features/services/index.js';

@Injectable()
export class TemporaryDatabases {
  constructor(
    private readonly containers: DatabaseContainers,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
  ) {}

  /** Resolves once it answers. */
  async start(instance: Instance, signal: AbortSignal): Promise<Handle> {
    await this.containers.ensureImage(instance, signal);
    await this.containers.ensureRunning(instance, signal);
    return this.containers.awaitReady(instance, signal);
  }

  /** With its data. Nothing in it is of value: it need not stop in good order. */
  async remove({ name, volume }: { name: string; volume: string }): Promise<void> {
    await this.containers.ensureAbsent(name, 0);
    await this.runtime.volumes.ensureAbsent(volumeName(volume), await this.containers.owner());
  }
}
