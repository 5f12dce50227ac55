/**
 * Whether a service is deployed because its branch, or a tag, is at a commit. The same for a webhook and for a push that was found by looking,
 * so that a commit is deployed once whoever saw it first.
 */
import { Injectable } from '@nestjs/common';
import type { DeliveryResult } from '#contracts/webhooks.js';
import type { RemoteRefs } from '#drivers/source/port.js';
import { DeploymentsService } from '#features/deployments/index.js';
import { triggersOf } from '#features/services/index.js';
import { AppError, NotFound } from '#platform/errors.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { isWatched, skipWord } from './filters.js';
import type { HookedService } from './hooked-services.js';
import { Remotes } from './remotes.js';
import { decide, type WatchedRow, watchedRefs } from './watched-refs.queries.js';

/** What is known of the newest commit from a payload. */
export interface Told {
  commit: string;
  message: string;
}

export interface Head {
  /** Null: the service follows the default branch, whose name the remote does not say. */
  branch: string | null;
  commit: string;
}

/** Somebody else has decided meanwhile. */
class Overtaken extends Error {}

const ATTEMPTS = 5;

@Injectable()
export class PushDecisions {
  constructor(
    private readonly db: PrismaService,
    private readonly deployments: DeploymentsService,
    private readonly remotes: Remotes,
  ) {}

  /**
   * @param watched read before the remote was asked for `refs`
   * @param cause of the deployment, for the audit log
   */
  async branch(
    service: HookedService,
    watched: WatchedRow,
    refs: RemoteRefs,
    options: { told: Told | null; cause: Record<string, unknown>; signal: AbortSignal },
  ): Promise<DeliveryResult> {
    let [row, listed] = [watched, refs];
    for (let attempt = 1; ; attempt += 1) {
      const head = headOf(service, listed);
      const ref = `refs/heads/${service.branch ?? listed.defaultBranch ?? 'HEAD'}`;
      if (!head) return skipped(service, ref, 'the branch is not there any more', null);
      if (row.commit === head.commit) return skipped(service, ref, 'this commit was received before', head.commit);
      // Nothing is decided: once it is started again, a look at the repository finds what was missed.
      if (service.stopped) return skipped(service, ref, 'the service is stopped', head.commit);
      try {
        return await this.decided(service, row, head, ref, options);
      } catch (error) {
        if (!(error instanceof Overtaken) || attempt === ATTEMPTS) throw error;
      }
      row = (await watchedRefs(this.db, [service])).get(service.id) as WatchedRow;
      listed = await this.remotes.refs(service, [refName(service)], options.signal);
    }
  }

  private async decided(
    service: HookedService,
    row: WatchedRow,
    head: Head,
    ref: string,
    { told, cause, signal }: { told: Told | null; cause: Record<string, unknown>; signal: AbortSignal },
  ): Promise<DeliveryResult> {
    const message = await this.message(service, head.commit, told, signal);
    const why = await this.reasonAgainst(service, head.commit, message, signal);
    if (why) {
      if (!(await decide(this.db, row, head.commit))) throw new Overtaken();
      return skipped(service, ref, why, head.commit);
    }
    let reason = 'the service was changed meanwhile';
    const deployment = await this.deployments.automatic(ofOwner(service), null, async (tx, now) => {
      if (!(await decide(tx, row, head.commit))) throw new Overtaken();
      if (!triggersOf(now.triggers).auto_deploy || now.desiredState === 'stopped') return null;
      reason = 'this commit is deployed already';
      if (await isDeployed(tx, row, head.commit)) return null;
      return {
        ...head,
        subject: subjectOf(message),
        cancelBuilds: service.triggers.cancel_builds,
        cause: { ref, ...cause },
      };
    });
    return deployment ? deployed(service, ref, head.commit, deployment.id) : skipped(service, ref, reason, head.commit);
  }

  /** A tag is deployed once for each commit that it names. */
  async tag(
    service: HookedService,
    ref: string,
    refs: RemoteRefs,
    options: { told: Told | null; cause: Record<string, unknown>; signal: AbortSignal },
  ): Promise<DeliveryResult> {
    const commit = refs.refs.get(`${ref}^{}`) ?? refs.refs.get(ref);
    if (!commit) return skipped(service, ref, 'the tag is not there any more', null);
    if (service.stopped) return skipped(service, ref, 'the service is stopped', commit);
    const message = await this.message(service, commit, options.told, options.signal);
    const word = message && skipWord(message);
    if (word) return skipped(service, ref, `its message says ${word}`, commit);
    const deployment = await this.deployments.automatic(ofOwner(service), null, async (tx) => {
      const tag = { serviceId: service.id, tag: ref, commit };
      const { count } = await tx.deployedTag.createMany({ data: [tag], skipDuplicates: true });
      if (count === 0) return null;
      return { branch: null, commit, subject: subjectOf(message), cause: { ref, ...options.cause } };
    });
    return deployment
      ? deployed(service, ref, commit, deployment.id)
      : skipped(service, ref, 'this tag was received before', commit);
  }

  private async reasonAgainst(
    service: HookedService,
    commit: string,
    message: string | null,
    signal: AbortSignal,
  ): Promise<string | null> {
    const word = message && skipWord(message);
    if (word) return `its message says ${word}`;
    const { watch_paths: paths } = service.triggers;
    if (paths.length === 0) return null;
    const changed = await this.changedPaths(service, commit, signal);
    return changed === null || isWatched(paths, changed) ? null : 'none of the watched paths differs';
  }

  /** Since what is live; null when that cannot be known: in doubt it is built. */
  private async changedPaths(service: HookedService, commit: string, signal: AbortSignal): Promise<string[] | null> {
    const { liveDeploymentId: id } = service;
    const live = id ? await this.db.deployment.findUnique({ where: { id } }) : null;
    if (!live?.commitHash) return null;
    const { commitHash } = live;
    return inDoubt(() => this.remotes.changedPaths(service, commitHash, commit, signal), signal);
  }

  /** Null when it cannot be read: the deployment will say why. */
  private message(
    service: HookedService,
    commit: string,
    told: Told | null,
    signal: AbortSignal,
  ): Promise<string | null> {
    if (told?.commit === commit) return Promise.resolve(told.message);
    return inDoubt(() => this.remotes.message(service, commit, signal), signal);
  }
}

/** Null for what fails: it is built then, and the deployment shows what is wrong. @throws signal.reason */
async function inDoubt<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AppError || (error as Error).name === 'TimeoutError') return null;
    throw error;
  }
}

/** Full name of the ref that the service follows. */
export function refName({ branch }: Pick<HookedService, 'branch'>): string {
  return branch === null ? 'HEAD' : `refs/heads/${branch}`;
}

export function headOf(service: Pick<HookedService, 'branch'>, refs: RemoteRefs): Head | null {
  const commit = refs.refs.get(refName(service));
  return commit ? { branch: service.branch ?? refs.defaultBranch, commit } : null;
}

/**
 * Somebody has had this commit deployed since the last decision, by hand or from a CI. Without this a look at the repository would deploy it
 * again, and undo a rollback that followed.
 */
async function isDeployed(tx: Tx, { serviceId, commit: decided }: WatchedRow, commit: string): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ is: boolean }[]>`
    WITH built AS (
      SELECT commit_hash, created_at, status, started_at FROM deployments
      WHERE service_id = ${serviceId}::uuid AND trigger NOT IN ('rollback', 'restart', 'start'))
    SELECT EXISTS (
      SELECT FROM built WHERE commit_hash = ${commit} AND status <> 'cancelled' AND (status <> 'superseded' OR started_at IS NOT NULL)
        AND created_at > coalesce((SELECT max(created_at) FROM built WHERE commit_hash = ${decided}), '-infinity')) AS is`;
  return row?.is ?? false;
}

const ofOwner = ({ id, ownerId }: HookedService) => ({ id, ownerId });
const subjectOf = (message: string | null) => message?.trimStart().split('\n', 1)[0] ?? null;

export function skipped(service: { id: string }, ref: string, reason: string, commit: string | null): DeliveryResult {
  return { service_id: service.id, ref, outcome: 'skipped', reason, commit, deployment_id: null };
}

function deployed(service: { id: string }, ref: string, commit: string, deploymentId: string): DeliveryResult {
  return { service_id: service.id, ref, outcome: 'deployed', reason: null, commit, deployment_id: deploymentId };
}

/** Gone while we worked. */
export const isGone = (error: unknown): boolean => error instanceof NotFound;
