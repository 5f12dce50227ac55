/**
 * Finished runs, executions, deployments, builds, deliveries of webhooks, events with their deliveries and answered idempotency keys are
 * deleted row by row, in batches: they are few, and their partial unique indexes are what keeps one active run per service, which a
 * partitioned table could not (docs/adr/0014).
 */
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '#platform/config.js';
import { Prisma, PrismaService } from '#platform/prisma/prisma.service.js';

/** Of each kind of run of a lock key, of each service's executions: these stay whatever their age. */
export const KEEP_NEWEST = 50;
/** No more stay whatever their age, so that a job that runs each minute does not fill the disk within the retention. */
export const KEEP_AT_MOST = 1000;
/** Deployments of a service that stay whatever their age: their history is what people look at. */
export const KEEP_DEPLOYMENTS = 2000;
/** Answers to POSTs can be asked for again for a day. */
const IDEMPOTENCY_HOURS = 24;
/** No git host sends one again after that. */
const DELIVERY_DAYS = 30;
const BATCH = 1000;
/** Rows of one kind in one round; the rest is left to the next one. */
const ROUND = 50_000;

const PRUNABLE = ['run', 'execution', 'build', 'deployment', 'webhookDelivery', 'event'] as const;
export type HistoryResult = Record<(typeof PRUNABLE)[number] | 'idempotencyKey' | 'config' | 'webhook', number>;

@Injectable()
export class History {
  constructor(
    private readonly db: PrismaService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Idempotent; two workers at once delete the same rows once. @returns how many rows of each kind were changed */
  async keep(): Promise<HistoryResult> {
    const days = this.config.CONTAINR_HISTORY_RETENTION_DAYS;
    return {
      run: await this.inBatches(await this.runs(days), (ids) => this.db.run.deleteMany(among(ids))),
      execution: await this.inBatches(await this.executions(days), (ids) => this.db.execution.deleteMany(among(ids))),
      build: await this.inBatches(await this.builds(days), (ids) => this.db.build.deleteMany(among(ids))),
      deployment: await this.inBatches(await this.deployments(days), (ids) =>
        this.db.deployment.deleteMany(among(ids)),
      ),
      webhookDelivery: await this.inBatches(await this.deliveries(), (ids) =>
        this.db.webhookDelivery.deleteMany(among(ids)),
      ),
      config: await this.inBatches(await this.configs(days), (ids) =>
        this.db.deployment.updateMany({ ...among(ids), data: { config: '' } }),
      ),
      event: await this.inBatches(await this.events(), (ids) => this.db.platformEvent.deleteMany(among(ids))),
      webhook: await this.webhooks(),
      idempotencyKey: await this.idempotencyKeys(),
    };
  }

  private runs(days: number): Promise<{ id: string }[]> {
    return this.db.$queryRaw`
      SELECT id FROM (
        SELECT id, status, finished_at, row_number() OVER (PARTITION BY lock_key, workflow ORDER BY seq DESC) AS position FROM runs) r
      WHERE status IN ('succeeded', 'failed', 'cancelled', 'superseded') AND ${tooMany('finished_at', days)} LIMIT ${ROUND}`;
  }

  private executions(days: number): Promise<{ id: string }[]> {
    return this.db.$queryRaw`
      SELECT id FROM (
        SELECT e.id, e.status, e.created_at, s.deleted_at,
          row_number() OVER (PARTITION BY e.service_id ORDER BY e.created_at DESC, e.id DESC) AS position
        FROM executions e JOIN services s ON s.id = e.service_id) x
      WHERE status NOT IN ('pending', 'running') AND (${tooMany('created_at', days)} OR deleted_at < ${before(days)}) LIMIT ${ROUND}`;
  }

  private builds(days: number): Promise<{ id: string }[]> {
    return this.db.$queryRaw`
      SELECT id FROM (
        SELECT id, status, created_at,
          row_number() OVER (PARTITION BY coalesce(service_id, project_id, user_id) ORDER BY created_at DESC, id DESC) AS position
        FROM builds) b
      WHERE status NOT IN ('pending', 'running') AND ${tooMany('created_at', days)} LIMIT ${ROUND}`;
  }

  /** Of a live service only those beyond the newest 2,000; all of one that was deleted that long ago. */
  private deployments(days: number): Promise<{ id: string }[]> {
    return this.db.$queryRaw`
      SELECT id FROM (
        SELECT d.id, d.status, d.created_at, s.deleted_at, s.live_deployment_id,
          row_number() OVER (PARTITION BY d.service_id ORDER BY d.created_at DESC, d.id DESC) AS position
        FROM deployments d JOIN services s ON s.id = d.service_id) x
      WHERE status IN ('superseded', 'failed', 'cancelled')
        AND ((position > ${KEEP_DEPLOYMENTS} AND created_at < ${before(days)} AND id IS DISTINCT FROM live_deployment_id)
          OR deleted_at < ${before(days)})
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.subject_id = x.id AND r.status IN ('queued', 'running', 'undoing', 'stuck'))
      LIMIT ${ROUND}`;
  }

  /**
   * The frozen configuration is the big part of a deployment's row and serves only to go back to it, which takes its image. Pulled images
   * that were on the host before have no record: those deployments keep it.
   */
  private configs(days: number): Promise<{ id: string }[]> {
    return this.db.$queryRaw`
      SELECT d.id FROM deployments d JOIN services s ON s.id = d.service_id
      WHERE d.config <> '' AND d.status IN ('superseded', 'failed', 'cancelled') AND d.created_at < ${before(days)}
        AND d.id IS DISTINCT FROM s.live_deployment_id
        AND (d.image_id IS NULL OR d.image_name LIKE 'containr/%')
        AND NOT EXISTS (SELECT 1 FROM images i WHERE i.service_id = d.service_id AND i.image_id = d.image_id)
        AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.service_id = d.service_id AND e.deployment_id = d.id AND e.status IN ('pending', 'running'))
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.subject_id = d.id AND r.status IN ('queued', 'running', 'undoing', 'stuck'))
      LIMIT ${ROUND}`;
  }

  private deliveries(): Promise<{ id: string }[]> {
    return this.db.$queryRaw`
      SELECT id FROM (
        SELECT id, status, received_at, row_number() OVER (PARTITION BY hook_id ORDER BY seq DESC) AS position
        FROM webhook_deliveries) d
      WHERE status <> 'received' AND (position > ${KEEP_AT_MOST * 10}
        OR (position > ${KEEP_NEWEST} AND received_at < now() - make_interval(days => ${DELIVERY_DAYS})))
      LIMIT ${ROUND}`;
  }

  /** With their deliveries. What is not dispatched yet, or still on its way, stays. */
  private events(): Promise<{ id: string }[]> {
    return this.db.$queryRaw`
      SELECT id FROM events v
      WHERE created_at < ${before(this.config.CONTAINR_LOG_RETENTION_DAYS)} AND dispatched_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM event_deliveries d WHERE d.event_id = v.id AND d.status = 'pending')
      LIMIT ${ROUND}`;
  }

  /** Of projects that were deleted: nobody can see them any more. */
  private webhooks(): Promise<number> {
    return this.db.$executeRaw`
      DELETE FROM webhook_endpoints e USING projects p WHERE p.id = e.project_id AND p.deleted_at IS NOT NULL`;
  }

  private async idempotencyKeys(): Promise<number> {
    let all = 0;
    for (let count = BATCH; count === BATCH; all += count)
      count = await this.db.$executeRaw`
        DELETE FROM idempotency_keys WHERE (user_id, key) IN (
          SELECT user_id, key FROM idempotency_keys
          WHERE created_at < now() - make_interval(hours => ${IDEMPOTENCY_HOURS}) LIMIT ${BATCH})`;
    return all;
  }

  private async inBatches(
    rows: { id: string }[],
    change: (ids: string[]) => Promise<{ count: number }>,
  ): Promise<number> {
    let all = 0;
    for (let at = 0; at < rows.length; at += BATCH)
      all += (await change(rows.slice(at, at + BATCH).map(({ id }) => id))).count;
    return all;
  }
}

const among = (ids: string[]) => ({ where: { id: { in: ids } } });

const before = (days: number): Prisma.Sql => Prisma.sql`now() - make_interval(days => ${days})`;

/** @param column one of our own names */
const tooMany = (column: 'finished_at' | 'created_at', days: number): Prisma.Sql =>
  Prisma.sql`(position > ${KEEP_AT_MOST} OR (position > ${KEEP_NEWEST} AND ${Prisma.raw(column)} < ${before(days)}))`;
