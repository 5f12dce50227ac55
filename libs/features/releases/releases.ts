/**
 * The containers of one deployment: started, proven ready, drained, removed. Everything here is idempotent
 * and knows nothing of runs; the steps of several workflows and the healing of drift are made of it.
 */
import { Inject, Injectable } from '@nestjs/common';
import type { Ingress } from '#drivers/ingress/port.js';
import type { ContainerRuntime, ImageFacts, Owner, Workload } from '#drivers/runtime/port.js';
import { INGRESS, RUNTIME } from '#drivers/tokens.js';
import { Invalid, Unavailable } from '#platform/errors.js';
import { Installation } from '#platform/installation.js';
import { pause } from '#workflows/attempt.js';
import { awaitReady } from './readiness.js';
import { ReleaseArchive } from './release-archive.js';
import { networkName, portOf, type ReleaseConfig, releaseNames, workloadSpec } from './release-config.js';

export interface ReleaseRef {
  deploymentId: string;
  commit: string | null;
  /** Image id. */
  image: string;
  config: ReleaseConfig;
}

/** How often the ingress is asked whether the old release still has requests in flight. */
const DRAIN_LOOK_MS = 50;

@Injectable()
export class Releases {
  constructor(
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    @Inject(INGRESS) private readonly ingress: Ingress,
    private readonly installation: Installation,
    private readonly archive: ReleaseArchive,
  ) {}

  async owner(): Promise<Owner> {
    return { installation: await this.installation.id() };
  }

  /** @throws Invalid `image_gone`. */
  async requireImage(image: string): Promise<ImageFacts> {
    const facts = await this.runtime.images.find(image);
    if (!facts)
      throw new Invalid('image_gone', 'The image of this release is no longer on the host: deploy the commit again.');
    return facts;
  }

  /** Network, volumes, then every replica. @returns the port they are told to listen on. */
  async start(release: ReleaseRef, signal: AbortSignal): Promise<number> {
    const { config, deploymentId, commit, image } = release;
    const owner = await this.owner();
    const [facts] = await Promise.all([this.requireImage(image), this.prepare(config, owner)]);
    const port = portOf(config, facts.exposedPorts);
    const who = { ...owner, deploymentId, commit, image, port };
    const names = releaseNames(config, deploymentId);
    await allOrFirstError(
      names.map((name, replica) =>
        this.runtime.ensureRunning(workloadSpec(config, who, 'release', name, replica), signal),
      ),
    );
    return port;
  }

  /** What containers of this configuration need to exist before they start. */
  async prepare(config: ReleaseConfig, owner: Owner): Promise<void> {
    const labels = { ...owner, project: config.projectId, service: config.serviceId };
    await this.runtime.networks.ensure(networkName(config.projectId), { ...owner, project: config.projectId });
    await Promise.all(config.volumes.map((volume) => this.runtime.volumes.ensure(volume.name, labels)));
  }

  /** Until every replica is ready. @returns their `ip:port`. */
  async await(release: ReleaseRef, port: number, signal: AbortSignal): Promise<string[]> {
    const { config } = release;
    // A worker that says where it listens (a database) is ready when it answers there, not when it has merely stayed up.
    const listens = config.type === 'web' || config.port !== null;
    const target = {
      names: releaseNames(config, release.deploymentId),
      port: listens ? port : null,
      path: config.healthCheckPath,
      healthcheck: (await this.requireImage(release.image)).healthcheck,
    };
    const addresses = await awaitReady(
      this.runtime,
      await this.owner(),
      target,
      config.settings.health_check_timeout * 1000,
      signal,
    );
    return addresses.map((address) => `${address}:${port}`);
  }

  /** `ip:port` of the replicas that run now. */
  async upstreams(names: string[], port: number): Promise<string[]> {
    const workloads = await this.find(names);
    return workloads
      .filter(({ state, address }) => state === 'running' && address)
      .map(({ address }) => `${address}:${port}`);
  }

  async find(names: string[]): Promise<Workload[]> {
    const owner = await this.owner();
    const found = await Promise.all(names.map((name) => this.runtime.find(name, owner)));
    return found.filter((workload): workload is Workload => workload !== null);
  }

  /** Waits until no request is in flight to these upstreams, at most `withinMs`. @returns how many were left. */
  async drain(upstreams: string[], withinMs: number, signal: AbortSignal): Promise<number> {
    const deadline = performance.now() + withinMs;
    for (let quiet = 0; ; ) {
      const counts = await this.ingress.inFlight(upstreams);
      const left = Object.values(counts).reduce((sum, count) => sum + count, 0);
      // Twice: a request that has just picked the old release may not be counted yet.
      quiet = left === 0 ? quiet + 1 : 0;
      if (quiet === 2 || performance.now() >= deadline) return left;
      await pause(DRAIN_LOOK_MS, signal);
    }
  }

  /** Stops them, keeps the last of their output, removes them. */
  async remove(names: string[], graceSeconds?: number): Promise<void> {
    const owner = await this.owner();
    const options = { stopped: this.archive.keep, ...(graceSeconds === undefined ? {} : { graceSeconds }) };
    await allOrFirstError(names.map((name) => this.runtime.ensureAbsent(name, owner, options)));
  }

  /** Every container of a service except the named ones. */
  async removeOthers(serviceId: string, keep: string[], graceSeconds?: number): Promise<void> {
    const all = await this.runtime.observe(await this.owner(), { service: serviceId });
    const others = all.filter((workload) => workload.labels.role === 'release' && !keep.includes(workload.name));
    await this.remove(
      others.map((workload) => workload.name),
      graceSeconds,
    );
  }
}

/** Waits for all before it fails: what is undone afterwards must not race with what is still being started. */
async function allOrFirstError(work: Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  // What cannot be mended by waiting is said first.
  const first = errors.find((error) => !(error instanceof Unavailable)) ?? errors[0];
  if (first) throw first;
}
