/** Who may use a project beside its owner, and as what. */
import { Injectable } from '@nestjs/common';
import type { Member, ProjectRole } from '#contracts/members.js';
import { recordAudit } from '#features/audit/index.js';
import { lockProject, requireProject } from '#features/projects/index.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { requireMember, revokeInvitationsOf } from './members.queries.js';

@Injectable()
export class MembersService {
  constructor(private readonly db: PrismaService) {}

  /** The owner first, then by time. */
  async list(caller: Caller, id: string): Promise<Member[]> {
    await requireProject(this.db, caller, id);
    const { owner, createdAt, members } = await this.db.project.findUniqueOrThrow({
      where: { id },
      include: {
        owner: true,
        members: { include: { user: true }, orderBy: [{ createdAt: 'asc' }, { userId: 'asc' }] },
      },
    });
    return [view({ user: owner, role: 'owner', createdAt }), ...members.map(view)];
  }

  /**
   * Role `owner` transfers the project, which only its owner may; he stays as an admin.
   * @throws NotFound `member_not_found`, Conflict `owner_stays`, Forbidden `role_too_low`.
   */
  update(caller: Caller, id: string, userId: string, role: ProjectRole): Promise<Member> {
    return this.db.$transaction(async (tx) => {
      await lockProject(tx, role === 'owner' ? { ...caller, needs: 'owner' } : caller, id);
      const before = await requireMember(tx, id, userId);
      if (role === 'owner') await transfer(tx, id, caller.userId, userId);
      else await changeRole(tx, id, userId, role);
      await recordAudit(tx, caller, {
        resource: 'member',
        resourceId: userId,
        action: role === 'owner' ? 'transfer' : 'update',
        projectId: id,
        before: { role: before.role },
        after: { role },
      });
      return view({ ...before, role });
    });
  }

  /** Everybody may leave. @throws NotFound `member_not_found`, Conflict `owner_stays`, Forbidden `role_too_low`. */
  async remove(caller: Caller, id: string, userId: string): Promise<void> {
    await this.db.$transaction(async (tx) => {
      await lockProject(tx, userId === caller.userId ? { ...caller, needs: 'read' } : caller, id);
      const { role, user } = await requireMember(tx, id, userId);
      await tx.projectMember.delete({ where: { projectId_userId: { projectId: id, userId } } });
      await revokeInvitationsOf(tx, id, userId);
      await recordAudit(tx, caller, {
        resource: 'member',
        resourceId: userId,
        action: 'delete',
        projectId: id,
        before: { role, email: user.email },
      });
    });
  }
}

async function changeRole(tx: Tx, projectId: string, userId: string, role: ProjectRole): Promise<void> {
  await tx.projectMember.update({ where: { projectId_userId: { projectId, userId } }, data: { role } });
  if (role !== 'admin') await revokeInvitationsOf(tx, projectId, userId);
}

/** The project is locked, and `from` is its owner. */
async function transfer(tx: Tx, projectId: string, from: string, to: string): Promise<void> {
  await tx.projectMember.delete({ where: { projectId_userId: { projectId, userId: to } } });
  await tx.projectMember.create({ data: { projectId, userId: from, role: 'admin' } });
  await tx.project.update({ where: { id: projectId }, data: { ownerId: to } });
}

function view(row: { user: { id: string; email: string; name: string }; role: string; createdAt: Date }): Member {
  const { id, email, name } = row.user;
  return { user_id: id, email, name, role: row.role as ProjectRole, created_at: row.createdAt.toISOString() };
}
