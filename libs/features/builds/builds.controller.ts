import { Controller, Get, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import * as contract from '#contracts/builds.js';
import { idOf } from '#contracts/common.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams, ValidQuery } from '#platform/http/index.js';
import { BuildLogText } from './build-logs.js';
import { BuildsService } from './builds.service.js';

const tag = 'Builds';
const params = z.object({ id: idOf('build') });
type ById = { id: string };

@Controller('builds')
export class BuildsController {
  constructor(
    private readonly builds: BuildsService,
    private readonly logs: BuildLogText,
  ) {}

  @Get()
  @Operation({
    summary: 'List builds',
    tag,
    query: contract.buildListQuery,
    about: 'project',
    returns: { status: 200, schema: contract.buildList },
    errors: [404],
  })
  list(@CurrentUser() caller: Caller, @ValidQuery() query: contract.BuildListQuery) {
    return this.builds.list(caller, query);
  }

  @Post()
  @Operation({
    summary: 'Start build',
    tag,
    body: contract.startBuildRequest,
    returns: { status: 201, schema: contract.startBuildResponse },
    errors: [404],
    needs: 'deploy',
  })
  async start(@CurrentUser() caller: Caller, @ValidBody() body: contract.StartBuildRequest) {
    const { id, imageName, imageTag, createdAt } = await this.builds.start(caller, body);
    const image = { image_name: imageName, image_tag: imageTag };
    return { id, status: 'pending' as const, ...image, build_time: createdAt.toISOString(), success: true };
  }

  @Get(':id')
  @Operation({ summary: 'Get build status', tag, params, returns: { status: 200, schema: contract.build } })
  get(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.builds.detail(caller, id);
  }

  @Post(':id/cancel')
  @Operation({
    summary: 'Cancel build',
    tag,
    params,
    returns: { status: 200, schema: contract.buildCancelResponse },
    errors: [409],
    needs: 'deploy',
  })
  async cancel(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    await this.builds.cancel(caller, id);
    return { message: 'The build is being cancelled.' };
  }

  @Get(':id/logs')
  @Operation({
    summary: 'Get build logs',
    description: 'Plain text. With follow=true lines are sent as they come, until the build has ended.',
    tag,
    params,
    query: contract.buildLogsQuery,
    returns: { status: 200 },
    text: true,
  })
  async text(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidQuery() { follow }: z.output<typeof contract.buildLogsQuery>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const text = await this.logs.read(caller, id, follow);
    await reply.type('text/plain; charset=utf-8').header('x-accel-buffering', 'no').send(text);
  }
}
