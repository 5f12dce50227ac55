import { Controller, Delete, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/tokens.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { TokensService } from './tokens.service.js';

const tag = 'API tokens';

@Controller('user/tokens')
export class TokensController {
  constructor(private readonly tokens: TokensService) {}

  @Get()
  @Operation({
    summary: 'List API tokens',
    tag,
    needs: 'admin',
    returns: { status: 200, schema: contract.tokensResponse },
  })
  async list(@CurrentUser() caller: Caller) {
    return { tokens: await this.tokens.list(caller) };
  }

  @Post()
  @Operation({
    summary: 'Create API token',
    description: 'The token itself is in this answer only.',
    tag,
    needs: 'admin',
    body: contract.createTokenRequest,
    returns: { status: 201, schema: contract.createdToken },
    errors: [404, 409],
  })
  create(
    @CurrentUser() caller: Caller,
    @ValidBody() body: contract.CreateTokenRequest,
  ): Promise<contract.CreatedToken> {
    return this.tokens.create(caller, body);
  }

  @Delete(':id')
  @Operation({
    summary: 'Delete API token',
    description: 'It is refused at once, by other processes of the platform within 5 seconds.',
    tag,
    needs: 'admin',
    about: 'account',
    params: z.object({ id: idOf('token') }),
    returns: { status: 204 },
  })
  revoke(@CurrentUser() caller: Caller, @ValidParams() { id }: { id: string }): Promise<void> {
    return this.tokens.revoke(caller, id);
  }
}
