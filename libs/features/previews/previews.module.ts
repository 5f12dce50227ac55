import { Global, Module } from '@nestjs/common';
import { DeploymentsService } from '#features/deployments/index.js';
import { PULL_REQUESTS } from '#features/webhooks/index.js';
import { PreviewKeeper } from './preview-keeper.js';
import { PreviewPullRequests } from './preview-pull-requests.js';
import { PreviewServices } from './preview-services.js';
import { PreviewsController } from './previews.controller.js';
import { PreviewsService } from './previews.service.js';

const providers = [
  DeploymentsService,
  PreviewKeeper,
  PreviewServices,
  { provide: PULL_REQUESTS, useClass: PreviewPullRequests },
];

// Global: webhooks, which know nothing of previews, ask for PULL_REQUESTS.
@Global()
@Module({ controllers: [PreviewsController], providers: [...providers, PreviewsService], exports: [PULL_REQUESTS] })
export class PreviewsApiModule {}

@Global()
@Module({ providers, exports: [PULL_REQUESTS, PreviewKeeper] })
export class PreviewsWorkerModule {}
