/** What the steps of a build keep and ask for while it goes on. */
import { Injectable } from '@nestjs/common';
import type { RegistryLogin } from '#drivers/runtime/port.js';
import { RegistryLogins } from '#features/registries/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import type { ChosenBuild } from './build-choice.js';
import { BuildSlots } from './build-slots.js';

/** BuildKit reports several times a second: what is stored is what people can see. Milliseconds. */
const STORE_EVERY_MS = 500;

@Injectable()
export class BuildRecords {
  constructor(
    private readonly db: PrismaService,
    readonly slots: BuildSlots,
    private readonly registries: RegistryLogins,
  ) {}

  logins(who: { userId: string | null; projectId: string | null }): Promise<Record<string, RegistryLogin>> {
    return this.registries.of(who);
  }

  async chosen(id: string, { type, name }: ChosenBuild): Promise<void> {
    const more = JSON.stringify({ recognised: name });
    await this.db.$executeRaw`
      UPDATE builds SET build_type = ${type}, metadata = metadata || ${more}::jsonb WHERE id = ${id}::uuid`;
  }

  /** Stores how far the build is, the last report too; it never goes back, and never fails the build. */
  progress(id: string): (done: number, total: number) => void {
    let latest = { stepsDone: 0, stepsTotal: 0 };
    let waiting = false;
    const store = () => {
      waiting = false;
      // A lost one is said again by the next report, or by the end.
      this.db.build.updateMany({ where: { id, status: 'running' }, data: latest }).catch(() => undefined);
    };
    return (done, total) => {
      if (done < latest.stepsDone) return;
      latest = { stepsDone: done, stepsTotal: total };
      if (waiting) return;
      waiting = true;
      setTimeout(store, STORE_EVERY_MS).unref();
    };
  }
}
