import { Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/deploy-hooks.js';
import { deployment } from '#contracts/deployments.js';
import { type RotationRequest, rotationRequest } from '#contracts/webhooks.js';
import { type DeploymentRow, deploymentView } from '#features/deployments/index.js';
import {
  type Caller,
  CurrentUser,
  Operation,
  type Origin,
  RequestOrigin,
  sendEvents,
  ValidBody,
  ValidParams,
  ValidQuery,
} from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { DeployHooksService } from './deploy-hooks.service.js';
import { DeploymentWait } from './deployment-wait.js';

const tag = 'Deploy hooks';
const ofService = z.object({ id: idOf('service') });
const byId = z.object({ id: idOf('deploy hook') });
type ById = { id: string };

@Controller()
export class DeployHooksController {
  constructor(
    private readonly hooks: DeployHooksService,
    private readonly waiting: DeploymentWait,
    private readonly db: PrismaService,
  ) {}

  @Post('deploy-hooks/:id')
  @Operation({
    summary: 'Deploy by a deploy hook',
    description:
      'For any CI. The secret goes into `Authorization: Bearer` or `X-Containr-Deploy-Secret`. Answers 202 with the deployment, or with `wait=true` when it has ended.',
    tag,
    params: byId,
    query: contract.deployHookQuery,
    body: contract.deployHookRequest,
    returns: { status: 202, schema: deployment },
    alsoReturns: { 200: deployment },
    events: true,
    errors: [409, 422, 507],
    public: true,
  })
  async deploy(
    @ValidParams() { id }: ById,
    @ValidQuery() { wait }: z.output<typeof contract.deployHookQuery>,
    @ValidBody() body: contract.DeployHookRequest | undefined,
    @RequestOrigin() origin: Origin,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const started = await this.hooks.deploy(id, secretOf(request), body ?? {}, origin);
    if (!wait) return void (await reply.status(202).send(deploymentView(started)));
    if (request.headers.accept?.includes('text/event-stream'))
      return sendEvents(reply, this.waiting.events(started.id));
    await this.waiting.untilLive(started.id, goneSignal(reply));
    const row = (await this.db.deployment.findUniqueOrThrow({ where: { id: started.id } })) as DeploymentRow;
    await reply.status(200).send(deploymentView(row));
  }

  @Get('services/:id/deploy-hook')
  @Operation({
    summary: 'Get the deploy hook of a service',
    tag,
    params: ofService,
    returns: { status: 200, schema: contract.deployHook },
  })
  get(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.hooks.get(caller, id);
  }

  @Post('services/:id/deploy-hook')
  @Operation({
    summary: 'Make the deploy hook of a service, or give it a new secret',
    description: 'The secret is shown only now. The one before stays good for `previous_valid_hours`.',
    tag,
    params: ofService,
    body: rotationRequest,
    returns: { status: 201, schema: contract.deployHookSecret },
  })
  rotate(@CurrentUser() caller: Caller, @ValidParams() { id }: ById, @ValidBody() body: RotationRequest) {
    return this.hooks.rotate(caller, id, body);
  }

  @Delete('services/:id/deploy-hook')
  @Operation({ summary: 'Revoke the deploy hook of a service', tag, params: ofService, returns: { status: 204 } })
  remove(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.hooks.remove(caller, id);
  }
}

function secretOf({ headers }: FastifyRequest): string | null {
  const own = headers['x-containr-deploy-secret'];
  if (typeof own === 'string' && own !== '') return own;
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}

/** Aborts when the client has left before it got its answer. */
function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => raw.writableFinished || gone.abort());
  if (raw.destroyed) gone.abort();
  return gone.signal;
}
