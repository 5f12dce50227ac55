/** People of a project: its owner, its members, and invitations. */
import { z } from 'zod';
import { email } from './accounts.js';

/** Least first: each role may do everything that the roles before it may. */
export const ROLES = ['viewer', 'developer', 'admin', 'owner'] as const;
export const projectRole = z
  .enum(ROLES)
  .describe(
    'viewer reads; developer also deploys and changes; admin also manages people and settings and deletes services; owner also deletes and transfers the project.',
  )
  .meta({ id: 'ProjectRole' });
export type ProjectRole = z.output<typeof projectRole>;

const memberRole = z.enum(['viewer', 'developer', 'admin']);

export const member = z
  .object({
    user_id: z.string(),
    email: z.string().meta({ format: 'email' }),
    name: z.string(),
    role: projectRole,
    created_at: z.iso.datetime().describe('Since when; for the owner, when the project was created.'),
  })
  .meta({ id: 'ProjectMember' });
export type Member = z.output<typeof member>;

export const membersResponse = z
  .object({ members: z.array(member).describe('The owner first, then by time.') })
  .meta({ id: 'ProjectMembersResponse' });

export const updateMemberRequest = z
  .object({
    role: projectRole.describe('owner transfers the project: only its owner may do that, and becomes an admin of it.'),
  })
  .meta({ id: 'UpdateProjectMemberRequest' });
export type UpdateMemberRequest = z.output<typeof updateMemberRequest>;

export const invitation = z
  .object({
    id: z.string(),
    project_id: z.string(),
    email: z.string().meta({ format: 'email' }),
    role: memberRole,
    invited_by: z.string().describe('Id of the user.'),
    expires_at: z.iso.datetime(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Invitation' });
export type Invitation = z.output<typeof invitation>;

export const invitationsResponse = z
  .object({ invitations: z.array(invitation).describe('Open ones, newest first.') })
  .meta({ id: 'InvitationsResponse' });

export const createInvitationRequest = z
  .object({
    email: email.describe('Only an account with this address can accept.'),
    role: memberRole,
    expires_in_hours: z.int().min(1).max(720).default(168).describe('Hours until it is void.'),
  })
  .meta({ id: 'CreateInvitationRequest' });
export type CreateInvitationRequest = z.output<typeof createInvitationRequest>;

export const createdInvitation = z
  .object({
    ...invitation.shape,
    token: z.string().describe('For `POST /invitations/accept`. Shown only now: pass it on to the person yourself.'),
  })
  .meta({ id: 'CreatedInvitation' });
export type CreatedInvitation = z.output<typeof createdInvitation>;

export const acceptInvitationRequest = z
  .object({ token: z.string().min(1).max(200) })
  .meta({ id: 'AcceptInvitationRequest' });
export type AcceptInvitationRequest = z.output<typeof acceptInvitationRequest>;

export const acceptInvitationResponse = z
  .object({ project_id: z.string(), role: memberRole })
  .meta({ id: 'AcceptInvitationResponse' });
export type AcceptInvitationResponse = z.output<typeof acceptInvitationResponse>;
