import { Controller, Delete, Get, Put } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/members.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { MembersService } from './members.service.js';

const tag = 'Members';
const ofProject = z.object({ id: idOf('project') });
const one = z.object({ id: idOf('project'), user_id: idOf('member') });
type One = z.output<typeof one>;

@Controller('projects/:id/members')
export class MembersController {
  constructor(private readonly members: MembersService) {}

  @Get()
  @Operation({
    summary: 'List project members',
    tag,
    params: ofProject,
    returns: { status: 200, schema: contract.membersResponse },
  })
  async list(@CurrentUser() caller: Caller, @ValidParams() { id }: { id: string }) {
    return { members: await this.members.list(caller, id) };
  }

  @Put(':user_id')
  @Operation({
    summary: 'Change the role of a member',
    description: 'The role owner transfers the project; its owner becomes an admin.',
    tag,
    needs: 'admin',
    params: one,
    body: contract.updateMemberRequest,
    returns: { status: 200, schema: contract.member },
    errors: [409],
  })
  update(
    @CurrentUser() caller: Caller,
    @ValidParams() { id, user_id: userId }: One,
    @ValidBody() { role }: contract.UpdateMemberRequest,
  ): Promise<contract.Member> {
    return this.members.update(caller, id, userId, role);
  }

  @Delete(':user_id')
  @Operation({
    summary: 'Remove a member',
    description: 'Every member may remove himself.',
    tag,
    needs: 'admin',
    params: one,
    returns: { status: 204 },
    errors: [409],
  })
  remove(@CurrentUser() caller: Caller, @ValidParams() { id, user_id: userId }: One): Promise<void> {
    return this.members.remove(caller, id, userId);
  }
}
