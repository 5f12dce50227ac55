/**
 * Pushes that nobody told us about: while we were down, from hosts that cannot reach us, more refs at once than a host reports. The branch of
 * each service with an external repository is looked at every 2 to 5 minutes (CONTAINR_GIT_POLL_SECONDS), one `git ls-remote` for all services of a repository.
 */
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '#platform/config.js';
import { AppError, publicMessage } from '#platform/errors.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { type HookedService, servicesById } from './hooked-services.js';
import { headOf, PushDecisions, refName } from './push-decisions.js';
import { Remotes } from './remotes.js';
import { repositoryKey } from './repository-key.js';
import { decide, type WatchedRow, watchedRefs } from './watched-refs.queries.js';

/** Services in one round; the rest waits for the next one. */
const ROUND = 200;
/** git processes side by side. */
const AT_ONCE = 3;
/** Until somebody else may look, should this worker die. */
const CLAIM_SECONDS = 300;
/** Of a repository that cannot be read. */
const FAILED_SECONDS = 3600;

@Injectable()
export class MissedPushes {
  constructor(
    private readonly db: PrismaService,
    private readonly remotes: Remotes,
    private readonly decisions: PushDecisions,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** @returns how many services were looked at. */
  async round(signal: AbortSignal): Promise<number> {
    if (this.config.CONTAINR_GIT_POLL_SECONDS === 0) return 0;
    const services = await servicesById(this.db, await this.due());
    if (services.length === 0) return 0;
    const rows = await watchedRefs(this.db, services);
    const ours = await this.claim(services.map(({ id }) => id));
    const groups = new Map<string, HookedService[]>();
    for (const service of services.filter(({ id }) => ours.has(id))) {
      const key = `${service.providerId ?? ''} ${repositoryKey(service.url)}`;
      groups.set(key, [...(groups.get(key) ?? []), service]);
    }
    const waiting = [...groups.values()];
    const lane = async () => {
      for (let group = waiting.shift(); group && !signal.aborted; group = waiting.shift())
        await this.look(group, rows, signal);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    return ours.size;
  }

  /** Notes where the branches are of services that are not watched yet, all of one repository. */
  async note(services: HookedService[], signal: AbortSignal): Promise<void> {
    const rows = await watchedRefs(this.db, services);
    const fresh = services.filter(({ id }) => rows.get(id)?.commit === null);
    if (fresh.length > 0) await this.look(fresh, rows, signal);
  }

  private async due(): Promise<string[]> {
    const rows = await this.db.$queryRaw<{ id: string }[]>`
      SELECT s.id FROM services s LEFT JOIN watched_refs w ON w.service_id = s.id
      WHERE s.deleted_at IS NULL AND s.source->>'repository' IS NOT NULL AND s.desired_state <> 'stopped'
        AND coalesce((s.triggers->>'auto_deploy')::boolean, true) AND (w.service_id IS NULL OR w.next_check_at <= clock_timestamp())
      ORDER BY w.next_check_at NULLS FIRST LIMIT ${ROUND}`;
    return rows.map(({ id }) => id);
  }

  /** Of two workers one looks. */
  private async claim(ids: string[]): Promise<Set<string>> {
    const rows = await this.db.$queryRaw<{ service_id: string }[]>`
      UPDATE watched_refs SET next_check_at = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS})
      WHERE service_id = ANY(${ids}::uuid[]) AND next_check_at <= clock_timestamp() RETURNING service_id`;
    return new Set(rows.map((row) => row.service_id));
  }

  private async look(group: HookedService[], rows: Map<string, WatchedRow>, signal: AbortSignal): Promise<void> {
    const [first] = group as [HookedService];
    try {
      const refs = await this.remotes.refs(first, ['HEAD', ...group.map(refName)], signal);
      for (const service of group) {
        const row = rows.get(service.id) as WatchedRow;
        const head = headOf(service, refs);
        const isNew = head !== null && head.commit !== row.commit;
        // The first look only notes where the branch is: what was there before the watch began is deployed by a person.
        if (isNew && row.commit === null) await decide(this.db, row, head.commit);
        else if (isNew)
          await this.decisions.branch(service, row, refs, { told: null, cause: { found_by: 'polling' }, signal });
        await this.looked(service, isNew);
      }
    } catch (error) {
      if (!signal.aborted) await this.failed(group, error);
    }
  }

  /** A repository in which nothing happens is looked at less often. */
  private async looked({ id }: HookedService, isNew: boolean): Promise<void> {
    const quiet = isNew ? Prisma.sql`0` : Prisma.sql`least(quiet + 1, 10)`;
    await this.db.$executeRaw`
      UPDATE watched_refs SET quiet = ${quiet}, failures = 0, error = NULL, checked_at = clock_timestamp(),
        next_check_at = clock_timestamp() + make_interval(secs => ${this.config.CONTAINR_GIT_POLL_SECONDS} * (0.9 + 0.16 * ${quiet} + 0.1 * random()))
      WHERE service_id = ${id}::uuid`;
  }

  private async failed(group: HookedService[], error: unknown): Promise<void> {
    if (!(error instanceof AppError))
      this.log.warn({ err: error, services: group.map(({ id }) => id) }, 'A look for pushes failed');
    await this.db.$executeRaw`
      UPDATE watched_refs SET failures = failures + 1, error = ${publicMessage(error)}, checked_at = clock_timestamp(),
        next_check_at = clock_timestamp() + make_interval(secs => least(${FAILED_SECONDS}, ${this.config.CONTAINR_GIT_POLL_SECONDS} * power(2, least(failures, 10))))
      WHERE service_id = ANY(${group.map(({ id }) => id)}::uuid[])`;
  }
}
