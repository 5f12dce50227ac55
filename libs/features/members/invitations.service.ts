/** Invitations into a project: single use, for one e-mail address, for a limited time. The token is stored as its hash. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type {
  AcceptInvitationResponse,
  CreatedInvitation,
  CreateInvitationRequest,
  Invitation,
} from '#contracts/members.js';
import { recordAudit } from '#features/audit/index.js';
import { lockProject, requireProject } from '#features/projects/index.js';
import { Conflict, Forbidden, NotFound } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { type Prisma, PrismaService, type Tx, uniqueViolation } from '#platform/prisma/prisma.service.js';
import { newSecret, secretHash } from '#platform/shown-once.js';
import { openInvitation } from './members.queries.js';

const INVITATION_PREFIX = 'cti_';
const HOUR_MS = 3_600_000;
/** Members and open invitations of one project; their lists have no pages. */
const MAX_PEOPLE = 500;

type Row = Prisma.InvitationGetPayload<object>;

@Injectable()
export class InvitationsService {
  constructor(private readonly db: PrismaService) {}

  /** Open ones, newest first. */
  async list(caller: Caller, projectId: string): Promise<Invitation[]> {
    await requireProject(this.db, caller, projectId);
    const rows = await this.db.invitation.findMany({
      where: { projectId, ...openInvitation() },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    });
    return rows.map(view);
  }

  /** Replaces an open one to the same address. @throws Conflict `already_member`, `too_many_members`. */
  async create(caller: Caller, projectId: string, request: CreateInvitationRequest): Promise<CreatedInvitation> {
    const { email, role, expires_in_hours: hours } = request;
    const { secret, hash: tokenHash } = newSecret(INVITATION_PREFIX);
    const expiresAt = new Date(Date.now() + hours * HOUR_MS);
    const row = await this.db.$transaction(async (tx) => {
      await lockProject(tx, caller, projectId);
      await requireNew(tx, projectId, email);
      await tx.invitation.updateMany({
        where: { projectId, email, ...openInvitation() },
        data: { revokedAt: new Date() },
      });
      await requireRoom(tx, projectId);
      const created = await tx.invitation.create({
        data: { id: randomUUID(), projectId, email, role, tokenHash, invitedBy: caller.userId, expiresAt },
      });
      await recordAudit(tx, caller, { ...subject(created), action: 'create', after: view(created) });
      return created;
    });
    return { ...view(row), token: secret };
  }

  /** @throws NotFound `invitation_not_found`. */
  async revoke(caller: Caller, projectId: string, id: string): Promise<void> {
    await this.db.$transaction(async (tx) => {
      await lockProject(tx, caller, projectId);
      const row = await tx.invitation.findFirst({ where: { id, projectId, ...openInvitation() } });
      if (!row || !(await end(tx, row, { revokedAt: new Date() }))) throw notFound('invitation');
      await recordAudit(tx, caller, { ...subject(row), action: 'delete', before: view(row) });
    });
  }

  /** @throws NotFound `invitation_not_found`, Forbidden `invitation_for_another_address`, Conflict `already_member`. */
  accept(caller: Caller, token: string): Promise<AcceptInvitationResponse> {
    const accepted = async (tx: Tx) => {
      const row = await requireOpen(tx, token);
      const { email } = await tx.user.findUniqueOrThrow({ where: { id: caller.userId } });
      if (email !== row.email) throw notYours();
      if (row.project.ownerId === caller.userId) throw alreadyMember();
      if (!(await end(tx, row, { acceptedAt: new Date() }))) throw unusable();
      const { projectId, role } = row;
      await tx.projectMember.create({ data: { projectId, userId: caller.userId, role } });
      await recordAudit(tx, caller, { ...subject(row), action: 'accept', after: { role } });
      return { project_id: projectId, role: role as AcceptInvitationResponse['role'] };
    };
    return this.db.$transaction(accepted).catch((error) => {
      throw uniqueViolation(error) === null ? error : alreadyMember();
    });
  }
}

/** False when somebody else was faster: who comes second waits for the first one's commit and then finds it closed. */
async function end(tx: Tx, { id }: Row, data: { acceptedAt: Date } | { revokedAt: Date }): Promise<boolean> {
  return (await tx.invitation.updateMany({ where: { id, ...openInvitation() }, data })).count === 1;
}

async function requireOpen(tx: Tx, token: string) {
  const row = await tx.invitation.findFirst({
    where: { tokenHash: secretHash(token), ...openInvitation(), project: { deletedAt: null } },
    include: { project: { select: { ownerId: true } } },
  });
  if (!row) throw unusable();
  return row;
}

async function requireNew(tx: Tx, projectId: string, email: string): Promise<void> {
  const inProject = [{ projects: { some: { id: projectId } } }, { memberships: { some: { projectId } } }];
  if (await tx.user.findFirst({ where: { email, OR: inProject } })) throw alreadyMember();
}

async function requireRoom(tx: Tx, projectId: string): Promise<void> {
  const members = await tx.projectMember.count({ where: { projectId } });
  const invited = await tx.invitation.count({ where: { projectId, ...openInvitation() } });
  if (members + invited >= MAX_PEOPLE)
    throw new Conflict('too_many_members', `A project has at most ${MAX_PEOPLE} members and open invitations.`);
}

const subject = (row: Row) => ({ resource: 'invitation', resourceId: row.id, projectId: row.projectId });
const alreadyMember = () => new Conflict('already_member', 'This person is in the project already: change the role.');
const unusable = () =>
  new NotFound(
    'invitation_not_found',
    'There is no such invitation, or it has been used or revoked or has expired: ask for a new one.',
  );
const notYours = () =>
  new Forbidden(
    'invitation_for_another_address',
    'The invitation is for another e-mail address: sign in with the account that has it.',
  );

function view(row: Row): Invitation {
  return {
    id: row.id,
    project_id: row.projectId,
    email: row.email,
    role: row.role as Invitation['role'],
    invited_by: row.invitedBy,
    expires_at: row.expiresAt.toISOString(),
    created_at: row.createdAt.toISOString(),
  };
}
