/** Reading the audit log: one's own chain, one project's, one thing's. */
import { Injectable } from '@nestjs/common';
import type { AuditLogList, AuditLogListQuery, AuditVerification, ResourceAuditLogQuery } from '#contracts/audit.js';
import { COUNT_LIMIT } from '#contracts/common.js';
import { Forbidden, Invalid, type NotFound, TooMany } from '#platform/errors.js';
import { type Caller, invalid, notFound } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import {
  type AuditRow,
  findAuditedOwner,
  findHead,
  findPlace,
  findProjectOf,
  isMember,
  listPage,
  type Wanted,
} from './audit.queries.js';
import { idText } from './audit.record.js';
import { verifyChain } from './audit.verify.js';
import { auditLogView } from './audit.view.js';

/** A walk over a long chain takes a while: so many at a time per process. */
const VERIFICATIONS = 2;
/** Larger than any `seq`. */
const NEWEST = 2n ** 63n - 1n;
const MOST_REMEMBERED = 1000;

@Injectable()
export class AuditService {
  private verifying = 0;
  /** Filters that match more entries than are counted. Nothing is ever removed from the log, so that stays true. */
  private readonly uncounted = new Set<string>();

  constructor(private readonly db: PrismaService) {}

  /** @throws Invalid `page_too_deep`, `filters_do_not_combine`; NotFound `project_not_found`. */
  async list(caller: Caller, query: AuditLogListQuery): Promise<AuditLogList> {
    const { resource, action, project_id: projectId, user_id: userId, limit } = query;
    if (userId && (resource || action))
      throw new Invalid('filters_do_not_combine', 'Filter by user_id, or by resource and action: not by both.');
    const wanted = { tenantId: await this.tenantOf(caller, projectId), projectId, userId, resource, action };
    if (query.cursor !== undefined) return pageOf(await this.read(wanted, parseCursor(query.cursor), limit), limit);
    const { total, below } = await this.start(wanted, (query.page - 1) * limit);
    return { ...pageOf(below === null ? [] : await this.read(wanted, below, limit), limit), total };
  }

  /**
   * @throws NotFound `audit_logs_not_found` when nothing is recorded that the caller may see; Forbidden `role_too_low` for members who may
   * not read the project's log.
   */
  async ofResource(
    caller: Caller,
    target: { resource: string; id: string },
    query: ResourceAuditLogQuery,
  ): Promise<AuditLogList> {
    const { resource } = target;
    const resourceId = idText(target.id);
    const projectId = await findProjectOf(this.db, resource, resourceId);
    if (caller.projectId && caller.projectId !== projectId) throw notFound('audit logs');
    const owner = projectId && (await findAuditedOwner(this.db, caller.userId, projectId));
    // Who may not read the project's log still sees what he did himself: it is in his own chain.
    const scope = owner ? { tenantId: owner, projectId } : { tenantId: caller.userId };
    const below = query.cursor === undefined ? null : parseCursor(query.cursor);
    const rows = await this.read({ ...scope, resource, resourceId }, below, query.limit);
    if (rows.length === 0 && below === null) throw await this.refusal(caller, owner ? null : projectId);
    return pageOf(rows, query.limit);
  }

  /** The caller's own chain. @throws TooMany `too_many_verifications`. */
  async verify(caller: Caller, signal: AbortSignal): Promise<AuditVerification> {
    if (this.verifying >= VERIFICATIONS)
      throw new TooMany('too_many_verifications', 'Other chains are being verified: try again in 10 seconds.', {
        details: { retry_after_seconds: 10 },
      });
    this.verifying += 1;
    try {
      return await verifyChain(this.db, caller.userId, signal);
    } finally {
      this.verifying -= 1;
    }
  }

  private async refusal(caller: Caller, projectId: string | null): Promise<Forbidden | NotFound> {
    if (!projectId || !(await isMember(this.db, caller.userId, projectId))) return notFound('audit logs');
    return new Forbidden(
      'role_too_low',
      'The log of a project needs the role admin in it: ask its owner or an admin.',
      {
        details: { needed: 'admin' },
      },
    );
  }

  private read(wanted: Wanted, below: bigint | null, limit: number): Promise<AuditRow[]> {
    return listPage(this.db, wanted, below, limit + 1);
  }

  private async tenantOf(caller: Caller, projectId: string | undefined): Promise<string> {
    if (!projectId) return caller.userId;
    const owner = await findAuditedOwner(this.db, caller.userId, projectId);
    if (!owner) throw notFound('project');
    return owner;
  }

  /** Where a page starts. Without filters that is arithmetic, as `seq` has no gaps: any page costs the same. */
  private async start(wanted: Wanted, offset: number): Promise<{ total: number; below: bigint | null }> {
    if (wanted.projectId || wanted.userId || wanted.resource || wanted.action) return this.find(wanted, offset);
    const head = (await findHead(this.db, wanted.tenantId))?.seq ?? 0n;
    const below = head + 1n - BigInt(offset);
    return { total: Number(head), below: below > 1n ? below : null };
  }

  private async find(wanted: Wanted, offset: number): Promise<{ total: number; below: bigint | null }> {
    if (offset >= COUNT_LIMIT)
      throw new Invalid('page_too_deep', 'Only the newest 10,000 entries of a filter have pages: go on with cursor.');
    const key = JSON.stringify(wanted);
    if (offset === 0 && this.uncounted.has(key)) return { total: COUNT_LIMIT, below: NEWEST };
    const { total, first } = await findPlace(this.db, wanted, offset);
    if (total >= COUNT_LIMIT && this.uncounted.size < MOST_REMEMBERED) this.uncounted.add(key);
    return { total, below: first === null ? null : first + 1n };
  }
}

/** @param rows one more than `limit` when there is a next page. */
function pageOf(rows: AuditRow[], limit: number): AuditLogList {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last;
  return {
    audit_logs: page.map(auditLogView),
    next_cursor: more ? Buffer.from(String(last.seq)).toString('base64url') : null,
  };
}

function parseCursor(cursor: string): bigint {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!/^[1-9]\d{0,17}$/.test(text)) throw invalid([{ path: 'cursor', message: 'is not a next_cursor of this list' }]);
  return BigInt(text);
}
