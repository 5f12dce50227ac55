/** The worker's part of a delivery: asks the repository, decides for each service, writes down what became of it. */
import { Inject, Injectable, Optional } from '@nestjs/common';
import type { DeliveryResult } from '#contracts/webhooks.js';
import type { RemoteRefs } from '#drivers/source/port.js';
import { AppError, publicMessage } from '#platform/errors.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { type ClaimedDelivery, claimDeliveries, finishDelivery, postponeDelivery } from './deliveries.queries.js';
import type { RefChange } from './git-event.js';
import { branchOf, concerns, type HookedService, servicesOf } from './hooked-services.js';
import { NO_PREVIEWS, PULL_REQUESTS, type PullRequestHandler } from './pull-requests.js';
import { headOf, isGone, PushDecisions, refName, skipped } from './push-decisions.js';
import { Remotes } from './remotes.js';
import { type WatchedRow, watchedRefs } from './watched-refs.queries.js';

/** Hooks that one worker works on side by side. */
const LANES = 4;
/** A host may tell us of a push before its git servers show it. */
const UNSEEN_ATTEMPTS = 3;

/** The remote does not show the push yet. */
class NotYet extends Error {}

type Told = RefChange & { after: string };

@Injectable()
export class DeliveryWork {
  constructor(
    private readonly db: PrismaService,
    private readonly remotes: Remotes,
    private readonly decisions: PushDecisions,
    @Optional() @Inject(PULL_REQUESTS) private readonly pulls: PullRequestHandler = NO_PREVIEWS,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** Everything that waits. @returns how many deliveries were worked on. */
  async drain(signal: AbortSignal): Promise<number> {
    const lanes = await Promise.all(Array.from({ length: LANES }, () => this.lane(signal)));
    return lanes.reduce((sum, count) => sum + count, 0);
  }

  private async lane(signal: AbortSignal): Promise<number> {
    let count = 0;
    while (!signal.aborted) {
      const claimed = await claimDeliveries(this.db);
      const [first] = claimed;
      if (!first) break;
      count += claimed.length;
      await this.batch(first.hookId, claimed, signal);
    }
    return count;
  }

  private async batch(hookId: string, deliveries: ClaimedDelivery[], signal: AbortSignal): Promise<void> {
    const hook = await this.db.gitHook.findUnique({ where: { id: hookId } });
    const services = hook ? await servicesOf(this.db, hook) : [];
    const seen = new Looks(this.remotes, this.db, services, signal);
    // Newest first: the head that is found for it answers for the older ones, too.
    for (const delivery of [...deliveries].reverse()) {
      try {
        await finishDelivery(this.db, delivery, await this.work(hookId, delivery, services, seen, signal));
      } catch (error) {
        if (signal.aborted) return;
        await postponeDelivery(this.db, delivery, this.reasonOf(error, delivery));
      }
    }
  }

  private reasonOf(error: unknown, { id, attempts }: ClaimedDelivery): string {
    if (error instanceof NotYet) return 'the repository does not show this push yet';
    if (!(error instanceof AppError))
      this.log.warn({ err: error, delivery: id, attempts }, 'A webhook delivery failed');
    return publicMessage(error);
  }

  private async work(
    hookId: string,
    { id, event, attempts }: ClaimedDelivery,
    services: HookedService[],
    looks: Looks,
    signal: AbortSignal,
  ): Promise<DeliveryResult[]> {
    if (event.kind === 'pull_request') {
      const wanting = this.pulls.wanting(services);
      return Promise.all(wanting.map((service) => this.pulls.handle(event.pull, service, signal)));
    }
    if (event.kind !== 'push') return [];
    const results: DeliveryResult[] = [];
    for (const change of event.changes.filter(isMade)) {
      for (const service of services.filter((each) => concerns(change, each))) {
        const cause = { hook_id: hookId, delivery_id: id };
        const result = await this.change(service, change, looks, {
          cause,
          patient: attempts < UNSEEN_ATTEMPTS,
          signal,
        });
        if (result) results.push(result);
      }
    }
    return results;
  }

  /** Null when the change is of a branch that the service does not deploy. */
  private async change(
    service: HookedService,
    change: Told,
    looks: Looks,
    { cause, patient, signal }: { cause: Record<string, unknown>; patient: boolean; signal: AbortSignal },
  ): Promise<DeliveryResult | null> {
    const { refs, watched } = await looks.at(service, change.ref);
    const told = change.message === null ? null : { commit: change.after, message: change.message };
    const options = { told, cause, signal };
    const branch = branchOf(change.ref);
    try {
      if (branch === null) return await this.decisions.tag(service, change.ref, refs, options);
      if (branch !== (service.branch ?? refs.defaultBranch)) return null;
      const head = headOf(service, refs)?.commit ?? null;
      if (patient && head !== null && head === change.before) throw new NotYet();
      const result = await this.decisions.branch(service, watched, refs, options);
      await looks.decided(service, head);
      return result.outcome === 'skipped' && result.commit && result.commit !== change.after
        ? overtaken(result)
        : result;
    } catch (error) {
      if (isGone(error)) return skipped(service, change.ref, 'the service was deleted', null);
      throw error;
    }
  }
}

function overtaken(result: DeliveryResult): DeliveryResult {
  return { ...result, reason: `overtaken: the branch is at ${result.commit?.slice(0, 12)} by now` };
}

const isMade = (change: RefChange): change is Told => change.after !== null;

/**
 * One look at a repository for all deliveries of a batch. What was decided before is read before the look and only remembered from then on: a
 * row that is read after it could be newer than what the look has seen.
 */
class Looks {
  private readonly refs = new Map<string, Promise<RemoteRefs>>();
  private rows: Promise<Map<string, WatchedRow>> | null = null;

  constructor(
    private readonly remotes: Remotes,
    private readonly db: PrismaService,
    private readonly services: HookedService[],
    private readonly signal: AbortSignal,
  ) {}

  async at(service: HookedService, ref: string): Promise<{ refs: RemoteRefs; watched: WatchedRow }> {
    this.rows ??= watchedRefs(this.db, this.services);
    const rows = await this.rows;
    const isTag = branchOf(ref) === null;
    const key = `${service.providerId ?? ''} ${isTag ? ref : ''}`;
    const refs =
      this.refs.get(key) ??
      this.remotes.refs(service, isTag ? [ref] : ['HEAD', ...this.services.map(refName)], this.signal);
    this.refs.set(key, refs);
    return { refs: await refs, watched: rows.get(service.id) as WatchedRow };
  }

  async decided(service: HookedService, commit: string | null): Promise<void> {
    const row = (await this.rows)?.get(service.id);
    if (row) row.commit = commit;
  }
}
