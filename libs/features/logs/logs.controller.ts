import { Controller, Get, Headers, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/deployments.js';
import { type Caller, CurrentUser, Operation, sendEvents, ValidParams, ValidQuery } from '#platform/http/index.js';
import { DeploymentFollow } from './deployment-follow.js';
import { DeploymentLogs, type DeploymentLogsQuery } from './deployment-logs.js';
import { ServiceLogs } from './service-logs.js';

const ofService = z.object({ id: idOf('service') });
const ofDeployment = z.object({ id: idOf('deployment') });
type ById = { id: string };
const description =
  'With follow=true the answer is a stream of server-sent events. `log` carries one ServiceLogEntry; `gap` means that the client was too slow and lines are missing: ask again with `Last-Event-ID`; `partial`, that a search did not look at everything.';

@Controller()
export class LogsController {
  constructor(
    private readonly services: ServiceLogs,
    private readonly deployments: DeploymentLogs,
    private readonly following: DeploymentFollow,
  ) {}

  @Get('services/:id/logs')
  @Operation({
    summary: 'Get service logs',
    description,
    tag: 'Logs',
    params: ofService,
    query: contract.serviceLogsQuery,
    returns: { status: 200, schema: contract.serviceLogs },
    events: true,
    errors: [503],
  })
  async ofService(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidQuery() query: z.output<typeof contract.serviceLogsQuery>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (query.follow) await sendEvents(reply, await this.services.follow(caller, id, query, lastEventId));
    else await reply.send(await this.services.read(caller, id, query));
  }

  @Get('deployments/:id/logs')
  @Operation({
    summary: 'Get deployment logs',
    description: `${description} \`status\` carries {status, error, url} at each change, and \`end\` the final {status}.`,
    tag: 'Logs',
    params: ofDeployment,
    query: contract.deploymentLogsQuery,
    returns: { status: 200, schema: contract.deploymentLogs },
    events: true,
    errors: [503],
  })
  async ofDeployment(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidQuery() query: DeploymentLogsQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (query.follow) await sendEvents(reply, await this.following.follow(caller, id, query, lastEventId));
    else await reply.send(await this.deployments.read(caller, id, query));
  }
}
