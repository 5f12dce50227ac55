/** Takes pull requests that webhooks report. Whether previews are on is asked in the worker; the sender does not wait for it. */
import { Injectable } from '@nestjs/common';
import type { DeliveryResult } from '#contracts/webhooks.js';
import type { HookedService, PullRequestChange, PullRequestHandler } from '#features/webhooks/index.js';
import { PreviewKeeper } from './preview-keeper.js';

@Injectable()
export class PreviewPullRequests implements PullRequestHandler {
  constructor(private readonly keeper: PreviewKeeper) {}

  wanting(services: HookedService[]): HookedService[] {
    return services.filter(({ providerId }) => providerId !== null);
  }

  async handle({ number, head }: PullRequestChange, service: HookedService): Promise<DeliveryResult> {
    const { reason, deploymentId } = await this.keeper.look(service.id, number);
    const outcome = deploymentId ? 'deployed' : 'skipped';
    return { service_id: service.id, ref: head.ref, outcome, reason, commit: head.commit, deployment_id: deploymentId };
  }
}
