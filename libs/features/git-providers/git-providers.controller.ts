import { Controller, Delete, Get, Patch, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/git.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams, ValidQuery } from '#platform/http/index.js';
import { GitProvidersService } from './git-providers.service.js';

const tag = 'Git';
/** The name that the contract gives it. */
const params = z.object({ providerId: idOf('git provider') });
type Params = z.output<typeof params>;

@Controller('git/providers')
export class GitProvidersController {
  constructor(private readonly providers: GitProvidersService) {}

  @Get()
  @Operation({ summary: 'List Git providers', tag, returns: { status: 200, schema: z.array(contract.gitProvider) } })
  list(@CurrentUser() caller: Caller) {
    return this.providers.list(caller);
  }

  @Post()
  @Operation({
    summary: 'Add Git provider',
    description: 'The token is checked at the provider first.',
    tag,
    body: contract.createGitProviderRequest,
    returns: { status: 201, schema: contract.gitProvider },
    errors: [503],
  })
  create(@CurrentUser() caller: Caller, @ValidBody() body: contract.CreateGitProviderRequest) {
    return this.providers.create(caller, body);
  }

  @Patch(':providerId')
  @Operation({
    summary: 'Rename a Git provider or replace its token',
    tag,
    about: 'account',
    params,
    body: contract.updateGitProviderRequest,
    returns: { status: 200, schema: contract.gitProvider },
    errors: [503],
  })
  update(
    @CurrentUser() caller: Caller,
    @ValidParams() { providerId }: Params,
    @ValidBody() body: contract.UpdateGitProviderRequest,
  ) {
    return this.providers.update(caller, providerId, body);
  }

  @Delete(':providerId')
  @Operation({
    summary: 'Remove a Git provider',
    tag,
    about: 'account',
    params,
    returns: { status: 204 },
    errors: [409],
  })
  remove(@CurrentUser() caller: Caller, @ValidParams() { providerId }: Params): Promise<void> {
    return this.providers.remove(caller, providerId);
  }

  @Get(':providerId/repositories')
  @Operation({
    summary: 'List repositories',
    description:
      'What the token can see there. `X-Next-Page` is set when there are more, `X-Total-Count` when the provider says how many.',
    tag,
    about: 'account',
    params,
    query: contract.repositoryQuery,
    returns: { status: 200, schema: z.array(contract.gitRepository) },
    errors: [503],
  })
  async repositories(
    @CurrentUser() caller: Caller,
    @ValidParams() { providerId }: Params,
    @ValidQuery() query: contract.RepositoryListQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { items, total, next } = await this.providers.repositories(caller, providerId, query);
    if (next !== null) reply.header('x-next-page', next);
    if (total !== null) reply.header('x-total-count', total);
    return items;
  }
}
