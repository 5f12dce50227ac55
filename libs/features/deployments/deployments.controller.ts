import { Controller, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/deployments.js';
import { serviceAction, serviceActionResponse } from '#contracts/services.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams, ValidQuery } from '#platform/http/index.js';
import { DeploymentActions } from './deployments.actions.js';
import { DeploymentsReader } from './deployments.reader.js';
import { DeploymentsService } from './deployments.service.js';
import { deploymentView } from './deployments.view.js';

const tag = 'Deployments';
const ofService = z.object({ id: idOf('service') });
const byId = z.object({ id: idOf('deployment') });
type ById = { id: string };

@Controller()
export class DeploymentsController {
  constructor(
    private readonly deployments: DeploymentsService,
    private readonly reader: DeploymentsReader,
    private readonly actions: DeploymentActions,
  ) {}

  @Get('services/:id/deployments')
  @Operation({
    summary: 'List deployments',
    tag,
    params: ofService,
    query: contract.deploymentListQuery,
    returns: { status: 200, schema: contract.deploymentList },
  })
  list(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidQuery() query: z.output<typeof contract.deploymentListQuery>,
  ) {
    return this.reader.list(caller, id, query);
  }

  @Post('services/:id/deployments')
  @Operation({
    summary: 'Create deployment',
    tag,
    params: ofService,
    body: contract.createDeploymentRequest,
    needs: 'deploy',
    returns: { status: 201, schema: contract.deployment },
    errors: [409, 507],
  })
  async create(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidBody() body: contract.CreateDeploymentRequest,
  ) {
    return deploymentView(await this.deployments.create(caller, id, body));
  }

  @Get('deployments/:id')
  @Operation({
    summary: 'Get deployment',
    tag,
    params: byId,
    returns: { status: 200, schema: contract.deploymentResponse },
  })
  async get(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return { deployment: await this.reader.detail(caller, id) };
  }

  @Post('deployments/:id/rollback')
  @Operation({
    summary: 'Rollback deployment',
    tag,
    params: byId,
    needs: 'deploy',
    returns: { status: 201, schema: contract.rollbackResponse },
    errors: [409],
  })
  async rollback(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    const deployment = deploymentView(await this.deployments.rollback(caller, id));
    return {
      deployment,
      message: 'Rollback started: the image and configuration of the chosen deployment are released without a build.',
    };
  }

  @Post('deployments/:id/cancel')
  @Operation({
    summary: 'Cancel deployment',
    tag,
    params: byId,
    needs: 'deploy',
    returns: { status: 200, schema: contract.deploymentResponse },
    errors: [409],
  })
  async cancel(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return { deployment: deploymentView(await this.deployments.cancel(caller, id)) };
  }

  @Post('deployments/:id/resolve')
  @Operation({
    summary: 'Decide about a deployment whose clean-up failed',
    tag,
    params: byId,
    body: contract.resolveDeploymentRequest,
    needs: 'deploy',
    returns: { status: 200, schema: contract.deploymentResponse },
    errors: [409],
  })
  async resolve(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidBody() body: z.output<typeof contract.resolveDeploymentRequest>,
  ) {
    return { deployment: deploymentView(await this.deployments.resolve(caller, id, body.decision)) };
  }

  @Post('services/:id/action')
  @Operation({
    summary: 'Start, stop or restart a service',
    tag: 'Services',
    params: ofService,
    body: serviceAction,
    needs: 'deploy',
    returns: { status: 200, schema: serviceActionResponse },
    errors: [409],
  })
  act(@CurrentUser() caller: Caller, @ValidParams() { id }: ById, @ValidBody() body: z.output<typeof serviceAction>) {
    return this.actions.act(caller, id, body.action);
  }
}
