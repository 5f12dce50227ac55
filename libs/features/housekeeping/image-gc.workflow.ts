/**
 * Removes chosen images of one service, under the lock that its deployments take. What is needed by now is left; a record goes before its
 * image, in a transaction under the service's row lock, so that a rollback either still finds the image or is told that it is gone.
 */
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { serviceLock } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { type Plan, step } from '#workflows/plan.js';
import type { NewRun } from '#workflows/runs.queries.js';
import { type StepContext, type StepKind, stepKind, type Workflow } from '#workflows/workflow.js';
import { neededImages } from './images.queries.js';

export const IMAGE_GC = 'image-gc';
/** Each image is one call to the engine; a deployment that waits behind this run does not wait long. */
const IMAGES_PER_RUN = 20;
const DEADLINE_MS = 5 * 60_000;

type CollectParams = { service: string; images: string[] };
type Collected = { removed: string[] };

export function imageCollection(id: string, serviceId: string): NewRun {
  return { id, workflow: IMAGE_GC, subjectId: serviceId, lockKey: serviceLock(serviceId) };
}

export function planImageCollection(service: string, images: string[]): Plan {
  return [step('images.collect', { service, images: images.slice(0, IMAGES_PER_RUN) })];
}

@Injectable()
export class ImageGcWorkflow {
  constructor(
    private readonly db: PrismaService,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  workflow(): Workflow {
    return {
      name: IMAGE_GC,
      // The plan was stored with the run (image-collector.ts): without one there is nothing to remove.
      plan: async () => [],
      finished: async (_tx, run, outcome, failure) =>
        this.log.info({ service: run.subjectId, outcome, failure }, 'images collected'),
    };
  }

  kinds(): StepKind[] {
    return [
      stepKind<CollectParams, Collected>({
        kind: 'images.collect',
        forwardOnly: true,
        deadlineMs: DEADLINE_MS,
        do: (ctx, params) => this.collect(ctx, params),
      }),
    ];
  }

  private async collect(ctx: StepContext, { service, images }: CollectParams): Promise<Collected> {
    const removed: string[] = [];
    for (const id of images) {
      ctx.signal.throwIfAborted();
      const record = await this.take(service, id);
      if (!record) continue;
      // A tag that somebody has moved to another image is not ours any more.
      if ((await this.runtime.images.find(record.tag))?.id !== record.imageId) continue;
      await this.runtime.images.ensureAbsent(record.tag);
      // In use by a container that is not ours: it stays, and so does our knowledge of it.
      if (await this.runtime.images.find(record.tag))
        await this.db.image.createMany({ data: record, skipDuplicates: true });
      else removed.push(record.tag);
    }
    return { removed };
  }

  /** @returns the record, which is gone now; null when the image is needed again or the record is gone already. */
  private take(serviceId: string, id: string) {
    return this.db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM services WHERE id = ${serviceId}::uuid FOR UPDATE`;
      const record = await tx.image.findUnique({ where: { id } });
      if (!record || (await neededImages(tx, this.config.CONTAINR_IMAGE_KEEP)).has(record.imageId)) return null;
      await tx.image.delete({ where: { id } });
      return record;
    });
  }
}
