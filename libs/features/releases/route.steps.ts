/** Steps that change nothing but the route of a service. All only go forward: the reconciler puts right what one of them left. */
import { Injectable } from '@nestjs/common';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { type StepKind, stepKind } from '#workflows/workflow.js';
import { Releases } from './releases.js';
import { liveRelease } from './releases.queries.js';
import { Routes } from './routes.js';

type OfService = { service: string };
type Nothing = Record<string, never>;
const DEADLINE_MS = 10 * 60_000;

@Injectable()
export class RouteSteps {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly releases: Releases,
    private readonly routes: Routes,
  ) {}

  kinds(): StepKind[] {
    return [
      this.kind('route.close', (service) => this.close(service)),
      this.kind('route.remove', (service) => this.routes.remove(service)),
      this.kind('route.rename', (service) => this.routes.rename(service)),
      this.kind('heal.route', (service) => this.heal(service)),
    ];
  }

  private kind(kind: string, work: (service: string) => Promise<void>): StepKind {
    return stepKind<OfService, Nothing>({
      kind,
      forwardOnly: true,
      deadlineMs: DEADLINE_MS,
      do: async (_ctx, { service }) => {
        await work(service);
        return {};
      },
    });
  }

  /** The host name keeps answering, with 503: the service is stopped, not gone. */
  private async close(serviceId: string): Promise<void> {
    await this.routes.point(await this.db.service.findUniqueOrThrow({ where: { id: serviceId } }), []);
  }

  /** First to what still runs, so that requests stop going to what died; again when everything is back. */
  private async heal(serviceId: string): Promise<void> {
    const live = await liveRelease(this.db, this.box, serviceId);
    const service = await this.db.service.findFirst({ where: { id: serviceId, deletedAt: null } });
    if (!service) return this.routes.remove(serviceId);
    if (live?.config.type !== 'web' || !live.port) return;
    const running = live.service.desiredState === 'running';
    await this.routes.point(service, running ? await this.releases.upstreams(live.names, live.port) : []);
  }
}
