/** Projects of the caller. What runs in a project is removed by whoever provides PROJECT_REMOVAL. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { COUNT_LIMIT, paginationOf } from '#contracts/common.js';
import type {
  CreateProjectRequest,
  ListProjectsQuery,
  Project,
  ProjectsResponse,
  UpdateProjectRequest,
} from '#contracts/projects.js';
import { type AuditEntry, recordAudit } from '#features/audit/index.js';
import { Invalid } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService, repeatOnDeadlock, type Tx } from '#platform/prisma/prisma.service.js';
import { countProjects, listProjects, lockProject, type ProjectRow, requireProject } from './projects.queries.js';

/**
 * Injection token of a {@link ProjectRemoval}: called in the transaction that deletes a project. What it returns is called after commit.
 */
export const PROJECT_REMOVAL = Symbol('PROJECT_REMOVAL');
export type ProjectRemoval = (tx: Tx, projectId: string) => Promise<() => void>;

const nothingToRemove: ProjectRemoval = async () => () => {};

@Injectable()
export class ProjectsService {
  constructor(
    private readonly db: PrismaService,
    @Optional() @Inject(PROJECT_REMOVAL) private readonly removeContents: ProjectRemoval = nothingToRemove,
  ) {}

  /** @throws Invalid `page_too_deep`: deep pages cost more the deeper they are. */
  async list(caller: Caller, query: ListProjectsQuery): Promise<ProjectsResponse> {
    const { limit, search } = query;
    const offset = (query.page - 1) * limit;
    if (offset >= COUNT_LIMIT)
      throw new Invalid('page_too_deep', 'Only the newest 10,000 projects can be paged through: use search.');
    const [rows, total] = await Promise.all([
      listProjects(this.db, caller, { search, limit, offset }),
      countProjects(this.db, caller, search),
    ]);
    return { projects: rows.map(view), pagination: paginationOf(query, total) };
  }

  async create(caller: Caller, { name, description }: CreateProjectRequest): Promise<Project> {
    const id = randomUUID();
    const row = await this.db.$transaction(async (tx) => {
      const created = await tx.project.create({ data: { id, ownerId: caller.userId, name, description } });
      await recordAudit(tx, caller, audited(id, 'create', { after: { name, description } }));
      return created;
    });
    const { createdAt, updatedAt } = row;
    return view({
      id,
      owner_id: caller.userId,
      name,
      description,
      created_at: createdAt,
      updated_at: updatedAt,
      role: 'owner',
      services_count: 0,
    });
  }

  /** @throws NotFound `project_not_found`. */
  async get(caller: Caller, id: string): Promise<Project> {
    return view(await requireProject(this.db, caller, id));
  }

  /** @throws NotFound `project_not_found`. */
  update(caller: Caller, id: string, { name, description }: UpdateProjectRequest): Promise<Project> {
    return this.db.$transaction(async (tx) => {
      await lockProject(tx, caller, id);
      const before = await requireProject(tx, caller, id);
      await tx.project.update({ where: { id }, data: { name, description } });
      const after = await requireProject(tx, caller, id);
      await recordAudit(tx, caller, audited(id, 'update', { before: facts(before), after: facts(after) }));
      return view(after);
    });
  }

  /** The project is gone at once; what runs in it is removed afterwards. @throws NotFound `project_not_found`. */
  async remove(caller: Caller, id: string): Promise<void> {
    const remove = async (tx: Tx) => {
      await lockProject(tx, caller, id);
      const after = await this.removeContents(tx, id);
      const project = await tx.project.update({ where: { id }, data: { deletedAt: new Date() } });
      await recordAudit(tx, caller, audited(id, 'delete', { before: facts(project) }));
      return after;
    };
    const afterCommit = await repeatOnDeadlock(() => this.db.$transaction(remove));
    afterCommit();
  }
}

function audited(id: string, action: string, change: Pick<AuditEntry, 'before' | 'after'>): AuditEntry {
  return { resource: 'project', resourceId: id, action, projectId: id, ...change };
}

function facts({ name, description }: { name: string; description: string }) {
  return { name, description };
}

function view(row: ProjectRow): Project {
  const { id, name, description, owner_id, role, services_count } = row;
  return {
    id,
    name,
    description,
    owner_id,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    role,
    services_count,
  };
}
