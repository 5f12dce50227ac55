/** The engine's build cache within a byte budget, only where the operator (or `npm start`) says that the engine is ours alone. */
import { Inject, Injectable } from '@nestjs/common';
import type { Builder } from '#drivers/builder/port.js';
import type { DiskGuard } from '#drivers/disk/disk-guard.js';
import { BUILDER, DISK_GUARD } from '#drivers/tokens.js';
import { CONFIG, type Config } from '#platform/config.js';

@Injectable()
export class BuildCache {
  constructor(
    @Inject(BUILDER) private readonly builder: Builder,
    @Inject(DISK_GUARD) private readonly disk: DiskGuard,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @returns bytes freed; null when the cache is not ours to touch. */
  async keep(): Promise<number | null> {
    const budgetBytes = this.config.CONTAINR_BUILD_CACHE_BUDGET_GB * 2 ** 30;
    if (budgetBytes === 0) return null;
    // A cache only saves time: on a nearly full disk all of it may go.
    const low = (await this.disk.low({ ask: true })).length > 0;
    return this.builder.pruneCache(low ? 0 : budgetBytes);
  }
}
