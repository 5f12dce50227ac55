import { Controller, Delete, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/members.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { InvitationsService } from './invitations.service.js';

const tag = 'Members';
const ofProject = z.object({ id: idOf('project') });
const one = z.object({ id: idOf('project'), invitation_id: idOf('invitation') });

@Controller()
export class InvitationsController {
  constructor(private readonly invitations: InvitationsService) {}

  @Get('projects/:id/invitations')
  @Operation({
    summary: 'List open invitations',
    tag,
    needs: 'admin',
    params: ofProject,
    returns: { status: 200, schema: contract.invitationsResponse },
  })
  async list(@CurrentUser() caller: Caller, @ValidParams() { id }: { id: string }) {
    return { invitations: await this.invitations.list(caller, id) };
  }

  @Post('projects/:id/invitations')
  @Operation({
    summary: 'Invite somebody into a project',
    description:
      'No mail is sent: the token is in this answer only. An open invitation to the same address is replaced.',
    tag,
    needs: 'admin',
    params: ofProject,
    body: contract.createInvitationRequest,
    returns: { status: 201, schema: contract.createdInvitation },
    errors: [409],
  })
  create(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: { id: string },
    @ValidBody() body: contract.CreateInvitationRequest,
  ): Promise<contract.CreatedInvitation> {
    return this.invitations.create(caller, id, body);
  }

  @Delete('projects/:id/invitations/:invitation_id')
  @Operation({ summary: 'Revoke an invitation', tag, needs: 'admin', params: one, returns: { status: 204 } })
  revoke(@CurrentUser() caller: Caller, @ValidParams() params: z.output<typeof one>): Promise<void> {
    return this.invitations.revoke(caller, params.id, params.invitation_id);
  }

  @Post('invitations/accept')
  @Operation({
    summary: 'Accept an invitation',
    description: 'Works once, for the account with the address that was invited.',
    tag,
    needs: 'admin',
    body: contract.acceptInvitationRequest,
    returns: { status: 200, schema: contract.acceptInvitationResponse },
    errors: [404, 409],
  })
  accept(
    @CurrentUser() caller: Caller,
    @ValidBody() { token }: contract.AcceptInvitationRequest,
  ): Promise<contract.AcceptInvitationResponse> {
    return this.invitations.accept(caller, token);
  }
}
