/** Rows of members and invitations that several operations change. */
import { Conflict } from '#platform/errors.js';
import { notFound } from '#platform/http/index.js';
import type { Prisma, Tx } from '#platform/prisma/prisma.service.js';

/** Not accepted, not revoked, not expired. */
export function openInvitation(now = new Date()) {
  return { acceptedAt: null, revokedAt: null, expiresAt: { gt: now } } satisfies Prisma.InvitationWhereInput;
}

/** @throws NotFound `member_not_found`, Conflict `owner_stays`. */
export async function requireMember(tx: Tx, projectId: string, userId: string) {
  const member = await tx.projectMember.findUnique({
    where: { projectId_userId: { projectId, userId } },
    include: { user: true },
  });
  if (member) return member;
  if (await tx.project.findFirst({ where: { id: projectId, ownerId: userId } }))
    throw new Conflict('owner_stays', 'The owner stays the owner until another member is given the role owner.');
  throw notFound('member');
}

/** What somebody handed out as an admin is void when he is none any more. */
export async function revokeInvitationsOf(tx: Tx, projectId: string, invitedBy: string): Promise<void> {
  await tx.invitation.updateMany({
    where: { projectId, invitedBy, ...openInvitation() },
    data: { revokedAt: new Date() },
  });
}
