/** What people do with previews: switch them on, look at them, allow the head of a fork. */
import { Inject, Injectable } from '@nestjs/common';
import type {
  PreviewSettingsView,
  PreviewsResponse,
  PreviewView,
  PutPreviewSettingsRequest,
} from '#contracts/previews.js';
import { namesOf, recordAudit } from '#features/audit/index.js';
import { requireService } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Conflict } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { lockPreview, PreviewServices } from './preview-services.js';
import { overridesAad, previewInclude, previewView, settingsView } from './previews.view.js';

const LISTED = 100;

@Injectable()
export class PreviewsService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly services: PreviewServices,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async list(caller: Caller, serviceId: string): Promise<PreviewsResponse> {
    await requireService(this.db, caller, serviceId);
    const [setting, rows] = await Promise.all([
      this.db.previewSetting.findUnique({ where: { serviceId } }),
      this.db.preview.findMany({
        where: { parentId: serviceId },
        orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
        take: LISTED,
        include: previewInclude,
      }),
    ]);
    return { settings: settingsView(this.box, setting), previews: rows.map((row) => previewView(row, this.config)) };
  }

  /** Switched off, previews go within a minute. */
  put(caller: Caller, serviceId: string, request: PutPreviewSettingsRequest): Promise<PreviewSettingsView> {
    const { enabled, ttl_hours: ttlHours } = request;
    const variables = this.box.seal(JSON.stringify(request.variables), overridesAad(serviceId));
    const data = { enabled, ttlHours, variables, nextCheckAt: new Date(0), error: null };
    return this.db.$transaction(async (tx) => {
      const { projectId } = await requireService(tx, caller, serviceId);
      const row = await tx.previewSetting.upsert({
        where: { serviceId },
        create: { serviceId, ...data },
        update: data,
      });
      const after = { enabled, ttl_hours: ttlHours, variables: namesOf(request.variables) };
      await recordAudit(tx, caller, {
        resource: 'previews',
        resourceId: serviceId,
        action: 'update',
        projectId,
        after,
      });
      return settingsView(this.box, row);
    });
  }

  /** @throws NotFound `preview_not_found`; Conflict `preview_head_moved`, `preview_needs_no_approval`. */
  async approve(caller: Caller, serviceId: string, number: number, commit: string): Promise<PreviewView> {
    const id = await this.db.$transaction(async (tx) => {
      const { projectId } = await requireService(tx, caller, serviceId);
      const found = await tx.preview.findFirst({ where: { parentId: serviceId, number, closedAt: null } });
      const row = found && (await lockPreview(tx, found.id));
      if (!row || row.closedAt) throw notFound('preview');
      if (!row.isFork) throw new Conflict('preview_needs_no_approval', 'Only pull requests of forks need an approval.');
      if (row.headCommit !== commit) throw headMoved(row.headCommit);
      await tx.preview.update({ where: { id: row.id }, data: { approvedCommit: commit } });
      const after = { service_id: serviceId, pull_request: number, commit };
      await recordAudit(tx, caller, { resource: 'preview', resourceId: row.id, action: 'approve', projectId, after });
      return row.id;
    });
    // The key of the request was confirmed with the approval.
    const { idempotency: _, ...actor } = caller;
    await this.services.deploy(id, actor);
    return previewView(
      await this.db.preview.findUniqueOrThrow({ where: { id }, include: previewInclude }),
      this.config,
    );
  }
}

function headMoved(head: string): Conflict {
  const message = `The head of the pull request is ${head}: look at it, and approve that.`;
  return new Conflict('preview_head_moved', message, { details: { head_commit: head } });
}
