/** Takes a change of a service's domains to the ingress. Beside deployments, not after them: a build must not delay a host name. */
import { Injectable } from '@nestjs/common';
import { step } from '#workflows/plan.js';
import type { Workflow } from '#workflows/workflow.js';

export const DOMAINS = 'service-domains';

/** Lock key of everything that changes a service's host names. */
export function domainsLock(serviceId: string): string {
  return `domains:${serviceId}`;
}

@Injectable()
export class DomainsWorkflow {
  workflow(): Workflow {
    return {
      name: DOMAINS,
      plan: async (_tx, run) => [step('route.rename', { service: run.subjectId })],
      finished: async () => undefined,
    };
  }
}
