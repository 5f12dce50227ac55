/**
 * Compares what should run with what does, and starts a heal run for each service where they differ. Takes no input; woken by the engine's
 * events and by the clock. Services with an open run are left alone, as that run is already changing them, except that a route which leads
 * nowhere is pointed to the live release.
 */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Ingress, Route } from '#drivers/ingress/port.js';
import type { ContainerRuntime, Workload } from '#drivers/runtime/port.js';
import { INGRESS, RUNTIME } from '#drivers/tokens.js';
import { hostsOf, serviceHost, serviceLock } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Installation } from '#platform/installation.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { createRun } from '#workflows/runs.queries.js';
import { type Actual, drifted, type Expected, misrouted } from './drift.js';

export const HEAL = 'service-heal';

interface ExpectedRow {
  id: string;
  slug: string;
  domains: { hostname: string; redirectHttps: boolean }[];
  type: string;
  desired_state: string;
  deployment: string | null;
  port: number | null;
  replicas: number | null;
  busy: boolean;
}

@Injectable()
export class Reconciler {
  constructor(
    private readonly db: PrismaService,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    @Inject(INGRESS) private readonly ingress: Ingress,
    private readonly installation: Installation,
    private readonly queue: RunQueue,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * One round. @param containers false: only routes are compared, which costs the engine nothing.
   * @returns ids of the services that are now being healed; `again` when some were being changed and must be looked at later.
   */
  async round(containers: boolean): Promise<{ healed: string[]; again: boolean }> {
    const owner = { installation: await this.installation.id() };
    const observedAt = await databaseTime(this.db);
    const routes = await this.ingress.observe();
    const workloads = containers ? await this.runtime.observe(owner) : null;
    // Read after the observation: what a run changed in between belongs to a service that is busy or already recorded.
    const services = await this.expected(observedAt);
    const now = actual(workloads, routes);
    // A run may take minutes (a build): requests cannot wait for its end.
    for (const route of misrouted(services, now)) await this.ingress.ensure(route);
    const found = drifted(services, now);
    const healed: string[] = [];
    for (const serviceId of found) if (await this.heal(serviceId)) healed.push(serviceId);
    if (containers) await this.sweepNetworks(owner.installation);
    return { healed, again: services.some((service) => service.busy) };
  }

  /** @returns false when the service has an open run already. */
  async heal(serviceId: string): Promise<boolean> {
    const id = randomUUID();
    const lockKey = serviceLock(serviceId);
    const created = await this.db.$transaction(async (tx) => {
      // Two workers see the same drift: one of them heals it.
      await tx.$queryRaw`SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended(${lockKey}, 0))) AS held`;
      const open = await tx.run.count({
        where: { lockKey, OR: [{ status: { in: ['queued', 'running', 'undoing'] } }, { status: 'stuck' }] },
      });
      if (open > 0 || (await healedLately(tx, lockKey))) return false;
      await createRun(tx, { id, workflow: HEAL, subjectId: serviceId, lockKey });
      return true;
    });
    if (created) this.queue.nudge(id);
    return created;
  }

  /** Busy: a run is changing it, or has done so while we looked. Two EXISTS: each has a partial index, so finished runs are not read. */
  private async expected(observedAt: Date): Promise<Expected[]> {
    const rows = await this.db.$queryRaw<ExpectedRow[]>`
      SELECT s.id, s.slug, s.type, s.desired_state, d.id AS deployment, d.port, d.replicas,
        EXISTS (SELECT 1 FROM runs r WHERE r.lock_key = 'service:' || s.id AND r.status IN ('queued', 'running', 'undoing'))
          OR EXISTS (SELECT 1 FROM runs r WHERE r.lock_key = 'service:' || s.id AND r.status = 'stuck')
          OR 'service:' || s.id IN (SELECT r.lock_key FROM runs r WHERE r.finished_at >= ${observedAt}) AS busy,
        (SELECT coalesce(json_agg(json_build_object('hostname', hostname, 'redirectHttps', redirect_https)), '[]')
          FROM domains WHERE service_id = s.id AND deleted_at IS NULL) AS domains
      FROM services s LEFT JOIN deployments d ON d.id = s.live_deployment_id
      WHERE s.deleted_at IS NULL`;
    return rows.map((row) => ({
      id: row.id,
      ...namesOf(row, this.config),
      busy: row.busy,
      routed: row.type === 'web' && row.deployment !== null && row.port !== null,
      running: row.desired_state === 'running' && row.deployment !== null && row.type !== 'cron',
      deployment: row.deployment,
      replicas: row.replicas ?? 0,
      port: row.port,
    }));
  }

  /** Networks of deleted projects that nothing uses any more. */
  private async sweepNetworks(installation: string): Promise<void> {
    const networks = await this.runtime.networks.observe({ installation });
    const projects = await this.db.project.findMany({
      where: { id: { in: networks.map((network) => network.project) }, deletedAt: null },
      select: { id: true },
    });
    const alive = new Set(projects.map((project) => project.id));
    const busy = await this.db.run.count({ where: { status: { in: ['queued', 'running', 'undoing'] } } });
    if (busy > 0) return; // a deletion still needs its network's containers gone: next round
    for (const network of networks)
      if (!alive.has(network.project)) await this.runtime.networks.ensureAbsent(network.name, { installation });
  }
}

/** What healing does not cure is tried again ever more rarely, so that a release that cannot run does not fill the history. */
async function healedLately(tx: Tx, lockKey: string): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ lately: boolean }[]>`
    SELECT count(*) >= 3 AND max(created_at) > clock_timestamp() - make_interval(secs => least(300, power(2, count(*)))) AS lately
    FROM runs WHERE lock_key = ${lockKey} AND workflow = ${HEAL} AND created_at > clock_timestamp() - interval '10 minutes'`;
  return row?.lately ?? false;
}

function namesOf({ slug, domains }: ExpectedRow, config: Config): { hosts: string[]; httpsOnly: string[] } {
  const { hosts, httpsOnly = [] } = hostsOf(serviceHost(slug, config), domains);
  return { hosts, httpsOnly };
}

function actual(workloads: Workload[] | null, routes: Route[]): Actual {
  return { workloads, routes: new Map(routes.map((route) => [route.id, route])) };
}
