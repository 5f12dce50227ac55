/**
 * Decides which images go and starts one run for each service that has some: it removes them under the lock that the service's deployments
 * take. Goes by our own records; of what carries our label without a record, only what is old and unused.
 */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { DiskGuard } from '#drivers/disk/disk-guard.js';
import type { ContainerRuntime, OwnedImage } from '#drivers/runtime/port.js';
import { DISK_GUARD, RUNTIME } from '#drivers/tokens.js';
import { serviceLock } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Installation } from '#platform/installation.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { createRun, storePlan } from '#workflows/runs.queries.js';
import { imageCollection, planImageCollection } from './image-gc.workflow.js';
import { planCollection } from './images.plan.js';
import { isBusy, neededImages } from './images.queries.js';

const GIB = 2 ** 30;
/** Time a build has to write down the image that it has just made. */
const UNRECORDED_MS = 3_600_000;

export interface CollectionResult {
  /** Services that a run was started for. */
  services: string[];
  /** Records of images that were gone from the host. */
  forgotten: number;
  /** References of images without a record that were removed. */
  strays: string[];
}

type Records = Awaited<ReturnType<ImageCollector['records']>>;

@Injectable()
export class ImageCollector {
  constructor(
    private readonly db: PrismaService,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    @Inject(DISK_GUARD) private readonly disk: DiskGuard,
    private readonly installation: Installation,
    private readonly queue: RunQueue,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** One round; idempotent, and two workers at once start one run per service. */
  async collect(): Promise<CollectionResult> {
    // Records first: whatever is recorded after this look is not judged by it.
    const records = await this.records();
    const owned = await this.runtime.images.observe({ installation: await this.installation.id() });
    const forgotten = await this.forget(records, owned);
    const strays = await this.removeStrays(owned);
    const services: string[] = [];
    for (const [serviceId, chosen] of await this.choose(records))
      if (await this.start(serviceId, chosen)) services.push(serviceId);
    return { services, forgotten, strays };
  }

  async records() {
    return this.db.image.findMany({ orderBy: { createdAt: 'asc' } });
  }

  /** The engine is asked for sizes only when the records, which count shared layers for every image, exceed the budget. */
  private async choose(records: Records): Promise<Map<string, string[]>> {
    const budgetBytes = this.config.CONTAINR_IMAGE_BUDGET_GB * GIB;
    const low = await this.disk.low({ ask: true });
    const missingBytes = Math.max(0, ...low.map(({ neededBytes, freeBytes }) => neededBytes - freeBytes));
    const atMost = records.reduce((sum, { sizeBytes }) => sum + Number(sizeBytes), 0);
    if (atMost <= budgetBytes && missingBytes === 0) return new Map();
    const [sizes, needed] = await Promise.all([
      this.runtime.images.uniqueSizes(),
      neededImages(this.db, this.config.CONTAINR_IMAGE_KEEP),
    ]);
    const images = records.map(({ id, serviceId, createdAt, imageId }) => ({
      id,
      serviceId,
      createdAt,
      bytes: sizes.get(imageId) ?? 0,
      needed: needed.has(imageId),
    }));
    return planCollection(images, { budgetBytes, missingBytes });
  }

  /** What was chosen over all services is stored as the run's plan at once: the run itself could not know it. */
  private async start(serviceId: string, images: string[]): Promise<boolean> {
    const run = imageCollection(randomUUID(), serviceId);
    const created = await this.db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended(${run.lockKey}, 0))) AS held`;
      if (await isBusy(tx, run.lockKey)) return false;
      await createRun(tx, run);
      await storePlan(tx, { ...run, attempt: 0 }, planImageCollection(serviceId, images));
      return true;
    });
    if (created) this.queue.nudge(run.id);
    return created;
  }

  /** Somebody removed the image by hand. A record whose image was built again in between has another image id by now. */
  private async forget(records: Records, owned: OwnedImage[]): Promise<number> {
    const here = new Set(owned.map(({ id }) => id));
    let forgotten = 0;
    for (const { id, imageId } of records) {
      // Pulled images carry no label of ours.
      if (here.has(imageId) || (await this.runtime.images.find(imageId))) continue;
      forgotten += (await this.db.image.deleteMany({ where: { id, imageId } })).count;
    }
    return forgotten;
  }

  private async removeStrays(owned: OwnedImage[]): Promise<string[]> {
    const ids = owned.map(({ id }) => id);
    const [recorded, built, needed] = await Promise.all([
      this.db.image.findMany({ where: { imageId: { in: ids } }, select: { imageId: true } }),
      this.db.build.findMany({ where: { imageId: { in: ids } }, select: { imageId: true } }),
      neededImages(this.db, this.config.CONTAINR_IMAGE_KEEP),
    ]);
    const known = new Set([...recorded, ...built].map(({ imageId }) => imageId));
    const removed: string[] = [];
    for (const image of owned.filter(({ id }) => !known.has(id) && !needed.has(id)))
      if (await this.isStray(image)) removed.push(...(await this.remove(image)));
    return removed;
  }

  private async isStray({ id, service }: OwnedImage): Promise<boolean> {
    if (service && (await isBusy(this.db, serviceLock(service)))) return false;
    const facts = await this.runtime.images.find(id);
    return facts !== null && facts.touchedAt.getTime() < Date.now() - UNRECORDED_MS;
  }

  private async remove({ id, tags }: OwnedImage): Promise<string[]> {
    // Only references that we gave: somebody may have tagged our image for a use of their own.
    const ours = tags.filter((tag) => tag.startsWith('containr/'));
    const references = tags.length === 0 ? [id] : ours;
    for (const reference of references) await this.runtime.images.ensureAbsent(reference);
    return references;
  }
}
