/** A builder that refuses while the disk is low: the last look before a build writes, long after its request was accepted. */
import type { DiskGuard } from '../disk/disk-guard.js';
import type { Builder, BuildRequest, BuiltImage } from './port.js';

export class GuardedBuilder implements Builder {
  constructor(
    private readonly builder: Builder,
    private readonly guard: DiskGuard,
  ) {}

  /** @throws Capacity `disk_low` before anything is made; otherwise what the builder throws. */
  async build(request: BuildRequest, signal: AbortSignal): Promise<BuiltImage> {
    try {
      await this.guard.requireRoom({ ask: true });
    } catch (error) {
      // Destroyed here, as the builder does; whoever made it may still report an error on it.
      request.context.on('error', () => undefined).destroy();
      throw error;
    }
    return this.builder.build(request, signal);
  }

  pruneCache(keepBytes: number): Promise<number> {
    return this.builder.pruneCache(keepBytes);
  }
}
