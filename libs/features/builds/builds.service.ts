/** Starting, reading and cancelling builds. Each method is one transaction and a nudge; the worker does the rest. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { BuildListQuery, BuildView, StartBuildRequest } from '#contracts/builds.js';
import { COUNT_LIMIT } from '#contracts/common.js';
import type { ServiceSource } from '#contracts/service-source.js';
import { requireFolder } from '#drivers/source/folder.js';
import { recordAudit } from '#features/audit/index.js';
import { BuildLines } from '#features/logs/index.js';
import { requireProject } from '#features/projects/index.js';
import { requireService } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Conflict, Invalid } from '#platform/errors.js';
import { type Caller, invalid } from '#platform/http/index.js';
import { cursorOf, parseCursor } from '#platform/keyset.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { RunQueue } from '#workflows/run-queue.js';
import { cancelRuns, createRun } from '#workflows/runs.queries.js';
import { type AcceptedBuild, sealRequest } from './build-request.js';
import { positions } from './build-slots.js';
import { listBuilds, requireBuild } from './builds.queries.js';
import { moveBuild, OPEN } from './builds.state.js';
import { type BuildRow, buildView } from './builds.view.js';
import { BUILD } from './builds.workflow.js';

const LOG_LINES = 2000;

@Injectable()
export class BuildsService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly queue: RunQueue,
    private readonly lines: BuildLines,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * @throws NotFound `project_not_found`, `service_not_found`; Invalid `source_path_disabled`, `source_path_invalid`, `service_not_in_project`,
   * `service_has_no_source`
   */
  async start(caller: Caller, request: StartBuildRequest): Promise<BuildRow> {
    const id = randomUUID();
    const runId = randomUUID();
    const folder = request.source_path ? await this.folder(request.source_path) : null;
    const row = await this.db.$transaction(async (tx) => {
      const accepted = { request, folder, userId: caller.userId, ...(await sourceOf(tx, caller, request)) };
      const { projectId } = accepted;
      const created = await tx.build.create({
        data: {
          id,
          userId: caller.userId,
          projectId,
          serviceId: request.service_id ?? null,
          buildType: request.build_type ?? null,
          request: sealRequest(this.box, id, accepted),
          imageName: request.image_name,
          imageTag: request.image_tag,
        },
      });
      await createRun(tx, { id: runId, workflow: BUILD, subjectId: id, lockKey: `build:${id}` });
      const after = { image: `${request.image_name}:${request.image_tag}`, build_type: request.build_type ?? null };
      await recordAudit(tx, caller, { resource: 'build', resourceId: id, action: 'create', projectId, after });
      return created;
    });
    this.queue.nudge(runId);
    return row;
  }

  /** @throws NotFound `build_not_found`. */
  require(caller: Caller, id: string): Promise<BuildRow> {
    return requireBuild(this.db, caller, id);
  }

  async detail(caller: Caller, id: string): Promise<BuildView> {
    const row = await this.require(caller, id);
    const [lines, places] = await Promise.all([this.lines.last(id, LOG_LINES), this.places([row])]);
    return { ...buildView(row, places.get(id) ?? null), log: lines.map(({ message }) => message).join('\n') };
  }

  /** @throws Invalid `page_too_deep`, `validation_failed` (a cursor that is none). */
  async list(caller: Caller, query: BuildListQuery) {
    const after = query.cursor === undefined ? null : parseCursor(query.cursor);
    if (query.cursor !== undefined && !after)
      throw invalid([{ path: 'cursor', message: 'is not a next_cursor of this list' }]);
    const offset = after ? 0 : (query.page - 1) * query.limit;
    if (offset >= COUNT_LIMIT)
      throw new Invalid('page_too_deep', 'Only the newest 10,000 builds can be paged through: use cursor.');
    const filter = { projectId: query.project_id, serviceId: query.service_id, status: query.status };
    const { ids, total } = await listBuilds(this.db, caller, filter, { limit: query.limit + 1, offset, after });
    const rows = await this.db.build.findMany({
      where: { id: { in: ids.slice(0, query.limit) } },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    });
    const places = await this.places(rows);
    const last = rows.at(-1);
    return {
      builds: rows.map((row) => buildView(row, places.get(row.id) ?? null)),
      total,
      page: query.page,
      limit: query.limit,
      next_cursor: ids.length > query.limit && last ? cursorOf(last) : null,
    };
  }

  /** @throws NotFound `build_not_found`; Conflict `build_finished`. The build of a deployment takes its deployment with it. */
  async cancel(caller: Caller, id: string): Promise<void> {
    await this.db.$transaction(async (tx) => {
      const row = await requireBuild(tx, caller, id);
      if (!OPEN.some((status) => status === row.status))
        throw new Conflict(
          'build_finished',
          `The build has ended (${row.status}): only one that is pending or running can be cancelled.`,
        );
      const run = await tx.run.findFirst({ where: { subjectId: id, status: { in: ['queued', 'running'] } } });
      const ended = run ? await cancelRuns(tx, { id: run.id }) : [];
      if (ended.length > 0) {
        const why = { error: 'Cancelled.', errorCode: 'cancelled', completedAt: new Date() };
        await moveBuild(tx, id, 'cancelled', why);
      }
      await recordAudit(tx, caller, { resource: 'build', resourceId: id, action: 'cancel', projectId: row.projectId });
    });
  }

  private async places(rows: BuildRow[]): Promise<Map<string, number>> {
    const waiting = rows.filter(({ status, waitingSince }) => status === 'pending' && waitingSince).map(({ id }) => id);
    return waiting.length === 0 ? new Map() : positions(this.db, waiting);
  }

  private async folder(wanted: string): Promise<string> {
    const base = this.config.CONTAINR_BUILD_SOURCE_DIR;
    if (!base) {
      throw new Invalid(
        'source_path_disabled',
        'Building from a folder is not enabled: the operator must set CONTAINR_BUILD_SOURCE_DIR. Use service_id to build its repository.',
      );
    }
    return requireFolder(base, wanted);
  }
}

async function sourceOf(
  tx: Tx,
  caller: Caller,
  request: StartBuildRequest,
): Promise<Pick<AcceptedBuild, 'projectId' | 'repository'>> {
  const project = request.project_id ? (await requireProject(tx, caller, request.project_id)).id : null;
  if (!request.service_id) return { projectId: project, repository: null };
  const service = await requireService(tx, caller, request.service_id);
  if (project && project !== service.projectId)
    throw new Invalid('service_not_in_project', 'The service belongs to another project: leave project_id out.');
  const projectId = service.projectId;
  if (request.source_path || request.build_type === 'prebuilt') return { projectId, repository: null };
  const source = service.source as ServiceSource;
  if (source.type === 'image')
    throw new Invalid('service_has_no_source', 'The service runs a prebuilt image: there is nothing to build.');
  const repository = {
    id: service.id,
    url: source.repository ?? null,
    provider: source.provider_id ?? null,
    branch: source.branch ?? null,
    rootDirectory: source.root_directory ?? '',
    dockerfile: source.dockerfile || null,
  };
  return { projectId, repository };
}
