/** ensureRunning, ensureAbsent, find, observe, wait: containers by name, with as few calls as the engine allows. */
import { type AppError, Conflict, Invalid, NotFound, Unavailable } from '#platform/errors.js';
import type { Handle, Owner, RemovalOptions, Workload, WorkloadSpec } from '../port.js';
import type { Addresses } from './addresses.js';
import type { EngineClient } from './client.js';
import { containerBody } from './container-body.js';
import { nameOf, workloadOf } from './container-view.js';
import { nameTaken, refusalOf, refusedWith } from './errors.js';
import { isOwned, LABEL, ownerFilter, specHash } from './labels.js';
import { startFailure } from './start-failure.js';
import type { WireContainer } from './wire.js';

/** Create copies an image's files into new volumes and start waits for the kernel: slow disks take their time. */
const MAKE_MS = 30_000;
/** What stop and removal may take beyond the grace period: SIGKILL, unmounting, deleting the layer. */
const REMOVE_MS = 30_000;
/** Two callers that race settle in two rounds; more means that something else keeps changing the container. */
const ROUNDS = 5;
const OBSERVE_AT_ONCE = 8;
/** The subnet may also have changed, when a network of the same name was made again. */
const ADDRESS_TAKEN = /address already in use|no configured subnet|invalid address/i;

export class Containers {
  constructor(
    private readonly engine: EngineClient,
    private readonly addresses: Addresses,
  ) {}

  /** Create and start, after a look at the addresses of a network with fixed ones. Everything else is found out from the engine's refusals. */
  async ensureRunning(spec: WorkloadSpec, signal: AbortSignal): Promise<Handle> {
    for (let round = 0; round < ROUNDS; round++) {
      const made = await this.create(spec, signal);
      const id = made ?? (await this.reuse(spec, signal));
      if (id !== null && (await this.start(id, spec.name, made !== null, signal))) return { id, name: spec.name };
    }
    throw new Unavailable('container_contended', `The container ${spec.name} keeps being changed by somebody else.`);
  }

  /** Stops and removes what is ours; everything else counts as absent. */
  async ensureAbsent(name: string, owner: Owner, options: RemovalOptions = {}): Promise<void> {
    const container = await this.inspect(name);
    if (container && isOwned(container.Config.Labels, owner)) await this.remove(container, options);
  }

  async find(name: string, owner: Owner): Promise<Workload | null> {
    const container = await this.inspect(name);
    return container && isOwned(container.Config.Labels, owner) ? workloadOf(container) : null;
  }

  /** The list lacks exit codes, restarts and start times, so each one is inspected, a few at a time. */
  async observe(owner: Owner, service?: string): Promise<Workload[]> {
    const query = { all: true, filters: ownerFilter(owner, service) };
    const listed = await this.engine.call<{ Id: string }[]>({ method: 'GET', path: '/containers/json', query });
    const found: Workload[] = [];
    const next = listed.values();
    const inspectAll = async () => {
      for (const { Id } of next) {
        const container = await this.byId(Id);
        if (container) found.push(workloadOf(container));
      }
    };
    await Promise.all(Array.from({ length: OBSERVE_AT_ONCE }, inspectAll));
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** No deadline: a job may run for hours. */
  async wait(handle: Handle, signal: AbortSignal): Promise<number> {
    const path = `/containers/${handle.id}/wait`;
    const query = { condition: 'not-running' };
    const timeoutMs = Number.POSITIVE_INFINITY;
    try {
      const ended = await this.engine.call<{ StatusCode?: number } | null>({
        method: 'POST',
        path,
        query,
        signal,
        timeoutMs,
      });
      // The head of the answer comes at once; an engine that shuts down ends it without a body.
      if (typeof ended?.StatusCode !== 'number')
        throw new Unavailable('engine_unreachable', 'The Docker Engine went away.');
      return ended.StatusCode;
    } catch (error) {
      throw refusedWith(error, 404) ? gone(handle) : error;
    }
  }

  /** Swap is limited together with memory, as when the container was made. */
  async limit(handle: Handle, { cpus, memoryBytes }: { cpus: number; memoryBytes: number }): Promise<void> {
    const body = { NanoCpus: Math.round(cpus * 1e9), Memory: memoryBytes, MemorySwap: memoryBytes };
    try {
      await this.engine.call({ method: 'POST', path: `/containers/${handle.id}/update`, body, timeoutMs: MAKE_MS });
    } catch (error) {
      if (refusedWith(error, 404) || refusedWith(error, 409)) return;
      if (!refusalOf(error)) throw error;
      const message =
        'The Docker Engine did not change the limits: more memory is in use than the new limit, perhaps. Restart it.';
      throw new Conflict('limits_refused', message, { cause: error });
    }
  }

  /** By id only: a name could also be the beginning of another container's id. Null when absent. */
  async byId(id: string): Promise<WireContainer | null> {
    return this.engine
      .call<WireContainer>({ method: 'GET', path: `/containers/${encodeURIComponent(id)}/json` })
      .catch(nullWhenAbsent);
  }

  private async inspect(name: string, signal?: AbortSignal): Promise<WireContainer | null> {
    const path = `/containers/${encodeURIComponent(name)}/json`;
    const container = await this.engine.call<WireContainer>({ method: 'GET', path, signal }).catch(nullWhenAbsent);
    return container && nameOf(container) === name ? container : null;
  }

  /** The new container's id; null when the name is taken or the image is gone, which `reuse` sorts out. */
  private async create(spec: WorkloadSpec, signal: AbortSignal): Promise<string | null> {
    const body = containerBody(spec, await this.addresses.choose(spec.network));
    const request = { path: '/containers/create', query: { name: spec.name }, body };
    try {
      const made = await this.engine.call<{ Id: string }>({ method: 'POST', ...request, signal, timeoutMs: MAKE_MS });
      return made.Id;
    } catch (error) {
      if (refusedWith(error, 409)) return null;
      if (refusedWith(error, 404, /no such image/i)) return this.withoutImage(spec, error, signal);
      throw startFailure(error, spec.name);
    }
  }

  /** An image that was untagged after its container was made is missed by `create`, not by the container. */
  private async withoutImage(spec: WorkloadSpec, error: unknown, signal: AbortSignal): Promise<null> {
    const existing = await this.inspect(spec.name, signal);
    if (existing?.Config.Labels?.[LABEL.spec] === specHash(spec)) return null;
    const message = `The image ${spec.image} is not on the host. Deploy again so that it is built or pulled.`;
    throw new Invalid('image_unavailable', message, { cause: (error as AppError).cause });
  }

  /** Id of the container that holds the name when it can serve; null when the name has become free. */
  private async reuse(spec: WorkloadSpec, signal: AbortSignal): Promise<string | null> {
    const existing = await this.inspect(spec.name, signal);
    if (!existing) return null;
    if (!isOwned(existing.Config.Labels, spec.labels)) throw nameTaken('container', spec.name);
    const { Status: status } = existing.State;
    const usable = status !== 'dead' && status !== 'removing';
    if (usable && existing.Config.Labels?.[LABEL.spec] === specHash(spec)) {
      if (status === 'paused') await this.post(existing.Id, 'unpause', signal);
      return existing.Id;
    }
    await this.remove(existing, {}, signal);
    return null;
  }

  /** False when the container is gone, or cannot be used and was removed. A running one answers 304, which is fine. */
  private async start(id: string, name: string, isNew: boolean, signal: AbortSignal): Promise<boolean> {
    try {
      await this.post(id, 'start', signal);
      return true;
    } catch (error) {
      if (refusedWith(error, 404, /no such container/i)) return false;
      if (refusedWith(error, 409, /marked for removal|removal in progress/i)) return false;
      // A container keeps the id of its network; one of the same name that was made again is not found.
      if (!isNew && refusedWith(error, 404, /network .* not found/i)) return this.discard(id, signal);
      // Somebody else's container was given the same address since it was chosen.
      if (refusedWith(error, 403, ADDRESS_TAKEN) || refusedWith(error, 500, ADDRESS_TAKEN))
        return this.discard(id, signal);
      // An engine that was killed while it started this container may hold on to its process, and then refuses to start it for ever.
      if (refusedWith(error, 500, /task \S+: already exists/i)) return this.discard(id, signal);
      throw startFailure(error, name);
    }
  }

  private async post(id: string, verb: 'start' | 'unpause', signal: AbortSignal): Promise<void> {
    await this.engine.call({ method: 'POST', path: `/containers/${id}/${verb}`, signal, timeoutMs: MAKE_MS });
  }

  private async discard(id: string, signal: AbortSignal): Promise<false> {
    await this.delete(id, signal);
    return false;
  }

  private async remove(container: WireContainer, options: RemovalOptions, signal?: AbortSignal): Promise<void> {
    const { Running, Status } = container.State;
    if (Running || Status === 'restarting') await this.stop(container, options.graceSeconds, signal);
    await options.stopped?.(workloadOf(container));
    await this.delete(container.Id, signal);
  }

  private async delete(id: string, signal?: AbortSignal): Promise<void> {
    try {
      // v: the anonymous volumes of the image go with it, named ones stay. force: it may have come up again since.
      const query = { v: true, force: true };
      await this.engine.call({ method: 'DELETE', path: `/containers/${id}`, query, signal, timeoutMs: REMOVE_MS });
    } catch (error) {
      if (refusedWith(error, 409, /already in progress/i)) return this.awaitRemoval(id, signal);
      nullWhenAbsent(error);
    }
  }

  /** The engine sends the stop signal, waits and kills; 304 and 404 mean that nothing runs any more. */
  private async stop(container: WireContainer, graceSeconds?: number, signal?: AbortSignal): Promise<void> {
    const grace = graceSeconds ?? container.Config.StopTimeout ?? 10;
    const path = `/containers/${container.Id}/stop`;
    const timeoutMs = grace * 1000 + REMOVE_MS;
    await this.engine.call({ method: 'POST', path, query: { t: grace }, signal, timeoutMs }).catch(nullWhenAbsent);
  }

  private async awaitRemoval(id: string, signal?: AbortSignal): Promise<void> {
    const query = { condition: 'removed' };
    const wait = { path: `/containers/${id}/wait`, query, signal, timeoutMs: REMOVE_MS };
    await this.engine.call({ method: 'POST', ...wait }).catch(nullWhenAbsent);
  }
}

function nullWhenAbsent(error: unknown): null {
  if (refusalOf(error)?.httpStatus === 404) return null;
  throw error;
}

export function gone(handle: Handle): NotFound {
  return new NotFound('workload_not_found', `The container ${handle.name} does not exist any more.`);
}
