/** Which containers' output belongs to a service or a deployment, and which secrets must not appear in it. */
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime, Handle, Workload } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { ProjectSecrets } from '#features/releases/index.js';
import { Unavailable } from '#platform/errors.js';
import { Installation } from '#platform/installation.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { redactor } from '#platform/secrets.js';

export interface LogContainer {
  handle: Handle;
  replica: number;
  redact: (text: string) => string;
}

/** Longest wait for the engine before the request is answered with 503. */
export const ENGINE_MS = 5000;
/** Looks of several clients at the same service within this time are one look. */
const SHARED_MS = 500;

@Injectable()
export class LogContainers {
  private readonly looks = new Map<string, Promise<LogContainer[]>>();

  constructor(
    private readonly db: PrismaService,
    private readonly secrets: ProjectSecrets,
    private readonly installation: Installation,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
  ) {}

  /**
   * Of the live release, else of the newest deployment that has any; of a cron service its jobs.
   * @throws Unavailable `runtime_unavailable`
   */
  ofService(serviceId: string): Promise<LogContainer[]> {
    return this.shared(`service:${serviceId}`, async () => {
      const all = await this.observe(serviceId);
      const releases = all.filter(({ labels }) => labels.role === 'release');
      const candidates = releases.length > 0 ? releases : all;
      const chosen = await this.chosen(serviceId, new Set(candidates.map(({ labels }) => labels.deployment)));
      return chosen
        ? this.prepared(
            chosen,
            candidates.filter(({ labels }) => labels.deployment === chosen),
          )
        : [];
    });
  }

  /** @throws Unavailable `runtime_unavailable` */
  ofDeployment(serviceId: string, deploymentId: string): Promise<LogContainer[]> {
    return this.shared(`deployment:${deploymentId}`, async () => {
      const all = await this.observe(serviceId);
      return this.prepared(
        deploymentId,
        all.filter(({ labels }) => labels.deployment === deploymentId),
      );
    });
  }

  private shared(key: string, look: () => Promise<LogContainer[]>): Promise<LogContainer[]> {
    const known = this.looks.get(key);
    if (known) return known;
    const result = look();
    this.looks.set(key, result);
    const forget = () => setTimeout(() => this.looks.delete(key), SHARED_MS).unref();
    // A failure is no answer: whoever comes next asks again.
    result.then(forget, () => this.looks.delete(key));
    return result;
  }

  private async observe(serviceId: string): Promise<Workload[]> {
    const owner = { installation: await this.installation.id() };
    return inTime(this.runtime.observe(owner, { service: serviceId }));
  }

  private async chosen(serviceId: string, deployments: Set<string>): Promise<string | null> {
    if (deployments.size === 0) return null;
    const service = await this.db.service.findUnique({ where: { id: serviceId }, select: { liveDeploymentId: true } });
    if (service?.liveDeploymentId && deployments.has(service.liveDeploymentId)) return service.liveDeploymentId;
    const newest = await this.db.deployment.findFirst({
      where: { id: { in: [...deployments] } },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      select: { id: true },
    });
    return newest?.id ?? null;
  }

  private async prepared(deploymentId: string, workloads: Workload[]): Promise<LogContainer[]> {
    if (workloads.length === 0) return [];
    const redact = redactor(await this.secrets.ofDeployment(deploymentId));
    return workloads
      .sort((a, b) => a.labels.replica - b.labels.replica)
      .map(({ id, name, labels }) => ({ handle: { id, name }, replica: labels.replica, redact }));
  }
}

/** @throws Unavailable `runtime_unavailable` when it takes longer than ENGINE_MS. */
export async function inTime<T>(work: Promise<T>, ms = ENGINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(runtimeUnavailable()), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function runtimeUnavailable(cause?: unknown): Unavailable {
  return new Unavailable(
    'runtime_unavailable',
    'The Docker Engine that runs this service does not answer, so its output cannot be read now. Try again.',
    { cause },
  );
}
