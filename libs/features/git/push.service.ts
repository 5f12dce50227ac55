/** A push to a built-in remote: the deploy branch becomes a deployment, everything else is stored. */
import { Inject, Injectable } from '@nestjs/common';
import type { ServiceSource } from '#contracts/service-source.js';
import type { Push, Verdict } from '#drivers/source/http-backend-hook-server.js';
import type { SourceStore } from '#drivers/source/port.js';
import { SOURCE } from '#drivers/tokens.js';
import { recordAudit } from '#features/audit/index.js';
import { requireService, type ServiceRow } from '#features/services/index.js';
import { AppError, publicMessage } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { deployBranch, planPush, type RefPlan } from './push.plan.js';
import { PUSH_DEPLOYER, type PushDeployer } from './push-deployer.js';
import { PushWatch } from './push-watch.js';

type Out = (line: string) => void;
type PushOf = { caller: Caller; service: ServiceRow; branch: string; requestId: string };
type Deploy = Extract<RefPlan, { action: 'deploy' }>;

/** Who pushes where: given to git's hook and back. */
export function pushContext(caller: Caller, serviceId: string, requestId: string): Record<string, string> {
  return { request: requestId, service: serviceId, caller: JSON.stringify(caller) };
}

@Injectable()
export class PushService {
  constructor(
    private readonly db: PrismaService,
    @Inject(SOURCE) private readonly source: SourceStore,
    @Inject(PUSH_DEPLOYER) private readonly deploy: PushDeployer,
    private readonly watch: PushWatch,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** HookServer's onPush. @throws NotFound when the service has been deleted meanwhile. */
  async decide({ context, commands }: Push, out: Out): Promise<Verdict[]> {
    const caller: Caller = JSON.parse(context.caller ?? '');
    const service = await requireService(this.db, caller, context.service ?? '');
    const configured = (service.source as ServiceSource).branch;
    const mainExists = !configured && (await this.source.head(service.id, 'main')) !== null;
    const branch = deployBranch(configured, commands, mainExists);
    const plans = planPush(commands, branch);
    await this.record(caller, service, plans);
    const verdicts: Verdict[] = [];
    const push = { caller, service, branch, requestId: context.request ?? '' };
    for (const plan of plans) verdicts.push(await this.carryOut(plan, push, out));
    return verdicts;
  }

  /** What is deployed is recorded with its deployment. */
  private async record(caller: Caller, service: ServiceRow, plans: RefPlan[]): Promise<void> {
    const refs = plans.filter((plan) => plan.action !== 'deploy').map(({ ref, action }) => ({ ref, action }));
    if (refs.length === 0) return;
    const { id: resourceId, projectId } = service;
    const entry = { resource: 'repository', resourceId, action: 'push', projectId, after: { refs } };
    await this.db.$transaction((tx) => recordAudit(tx, caller, entry));
  }

  private async carryOut(plan: RefPlan, push: PushOf, out: Out): Promise<Verdict> {
    if (plan.action === 'deploy') return { ref: plan.ref, ...(await this.deployed(plan, push, out)) };
    if (plan.action === 'store')
      out(`branch ${plan.branch} stored, not deployed (this service deploys ${push.branch})`);
    return { ref: plan.ref, ok: true };
  }

  /** A deployment that fails refuses its own ref only. */
  private async deployed(
    { branch, commit }: Deploy,
    { caller, service, requestId }: PushOf,
    out: Out,
  ): Promise<{ ok: boolean; reason?: string }> {
    try {
      const { deploymentId } = await this.deploy({ caller, serviceId: service.id, branch, commit });
      return await this.watch.toTheEnd(deploymentId, service, out);
    } catch (error) {
      if (!(error instanceof AppError)) {
        const fields = { err: error, request_id: requestId, service: service.id };
        this.log.error(fields, 'A push failed');
      }
      return { ok: false, reason: publicMessage(error) };
    }
  }
}
