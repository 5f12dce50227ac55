/** Images on the host: what they say about themselves, pulling, removing. */
import { type AppError, Capacity, Conflict, Invalid, Unavailable } from '#platform/errors.js';
import type { ImageFacts, ImageStore, OwnedImage, Owner, RegistryLogin } from '../port.js';
import type { EngineClient } from './client.js';
import { refusalOf, refusedWith } from './errors.js';
import { parseImageRef, registryOf } from './image-ref.js';
import { jsonLines } from './json-lines.js';
import { LABEL, ownerFilter } from './labels.js';
import type { WireDiskUsage, WireImage, WireImageSummary, WireProgress } from './wire.js';

/** A pull that says nothing for so long has hung; how long it may take in all is the caller's business (`signal`). */
const PULL_SILENCE_MS = 120_000;
/** Engines before 23 walk through every volume to answer. */
const USAGE_MS = 300_000;

export class Images implements ImageStore {
  constructor(private readonly engine: EngineClient) {}

  async find(ref: string): Promise<ImageFacts | null> {
    parseImageRef(ref);
    try {
      return factsOf(await this.engine.call<WireImage>({ method: 'GET', path: `/images/${ref}/json` }));
    } catch (error) {
      if (refusedWith(error, 404)) return null;
      throw error;
    }
  }

  async ensure(
    ref: string,
    onProgress: (line: string) => void,
    signal: AbortSignal,
    login?: RegistryLogin,
  ): Promise<ImageFacts> {
    signal.throwIfAborted();
    const here = await this.find(ref);
    if (here) return here;
    await this.pull(ref, onProgress, signal, login);
    const pulled = await this.find(ref);
    if (!pulled) throw unavailable(ref, 'it was pulled and removed again by somebody else');
    return pulled;
  }

  /** An image in use (409), by a container or by another tag of the same id, stays; the next collection meets it again. */
  async ensureAbsent(ref: string): Promise<void> {
    parseImageRef(ref);
    const query = { force: false, noprune: false };
    try {
      await this.engine.call({ method: 'DELETE', path: `/images/${ref}`, query, timeoutMs: 60_000 });
    } catch (error) {
      if (!refusedWith(error, 404) && !refusedWith(error, 409)) throw error;
    }
  }

  async observe(owner: Owner): Promise<OwnedImage[]> {
    const query = { filters: ownerFilter(owner) };
    const found = await this.engine.call<WireImageSummary[]>({ method: 'GET', path: '/images/json', query });
    return found.map(({ Id, RepoTags, Labels }) => ({
      id: Id,
      tags: (RepoTags ?? []).filter((tag) => tag !== '<none>:<none>'),
      service: Labels?.[LABEL.service] ?? null,
    }));
  }

  /** `type` keeps newer engines from measuring anything else; older ones do not know it. */
  async uniqueSizes(): Promise<Map<string, number>> {
    const request = { path: '/system/df', query: { type: 'image' }, timeoutMs: USAGE_MS };
    const { Images: images } = await this.engine.call<WireDiskUsage>({ method: 'GET', ...request });
    return new Map((images ?? []).map(({ Id, Size, SharedSize }) => [Id, Size - Math.max(0, SharedSize)]));
  }

  async push(
    image: string,
    ref: string,
    onProgress: (line: string) => void,
    signal: AbortSignal,
    login?: RegistryLogin,
  ): Promise<{ digest: string | null }> {
    const { repository, tag } = parseImageRef(ref);
    const here = await this.find(image);
    if (!here) throw new Invalid('image_gone', `The image ${image} is not on the host: build it again.`);
    const named = await this.find(ref);
    if (named && named.id !== here.id) {
      throw new Conflict(
        'image_name_taken',
        `The host has another image of the name ${ref}: choose another image_name or image_tag.`,
      );
    }
    if (!named)
      await this.engine.call({ method: 'POST', path: `/images/${here.id}/tag`, query: { repo: repository, tag } });
    try {
      return { digest: await this.send(ref, onProgress, signal, login) };
    } finally {
      if (!named) await this.ensureAbsent(ref);
    }
  }

  private async send(
    ref: string,
    onProgress: (line: string) => void,
    signal: AbortSignal,
    login?: RegistryLogin,
  ): Promise<string | null> {
    const { repository, tag } = parseImageRef(ref);
    const silence = new Silence(PULL_SILENCE_MS, signal);
    const headers = authHeader(ref, login);
    const lines: WireProgress[] = [];
    try {
      const request = { path: `/images/${repository}/push`, query: { tag }, headers, signal: silence.signal };
      const stream = await this.engine.stream({ method: 'POST', ...request, timeoutMs: Number.POSITIVE_INFINITY });
      const remember = async function* () {
        for await (const line of jsonLines<WireProgress>(stream)) {
          if (line.aux) lines.push(line);
          yield line;
        }
      };
      await followPull(ref, remember(), onProgress, () => silence.broken(), pushError);
      return lines.at(-1)?.aux?.Digest ?? null;
    } catch (error) {
      if (silence.signal.aborted) throw silence.signal.reason;
      const refusal = refusalOf(error);
      throw refusal ? pushError(ref, refusal.reason) : this.engine.translate(error);
    } finally {
      silence.end();
    }
  }

  private async pull(
    ref: string,
    onProgress: (line: string) => void,
    signal: AbortSignal,
    login?: RegistryLogin,
  ): Promise<void> {
    const { id, repository, tag } = parseImageRef(ref);
    if (id) throw unavailable(ref, 'an image id cannot be pulled');
    const query = { fromImage: repository, tag };
    const silence = new Silence(PULL_SILENCE_MS, signal);
    try {
      const headers = authHeader(ref, login);
      const timeoutMs = Number.POSITIVE_INFINITY;
      const request = { path: '/images/create', query, headers, signal: silence.signal, timeoutMs };
      const stream = await this.engine.stream({ method: 'POST', ...request });
      await followPull(ref, jsonLines<WireProgress>(stream), onProgress, () => silence.broken());
    } catch (error) {
      throw this.pullFailure(ref, error, silence.signal);
    } finally {
      silence.end();
    }
  }

  private pullFailure(ref: string, error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    const refusal = refusalOf(error);
    if (!refusal || error instanceof Capacity) return this.engine.translate(error);
    return unavailable(ref, refusal.reason, error as AppError);
  }
}

async function followPull(
  ref: string,
  lines: AsyncIterable<WireProgress>,
  onProgress: (line: string) => void,
  alive: () => void,
  failure: (ref: string, reason: string) => AppError = pullError,
): Promise<void> {
  const last = new Map<string, string>();
  for await (const { id = '', status = '', error } of lines) {
    alive();
    if (error) throw failure(ref, error);
    // Docker repeats "Downloading" for each few kilobytes of each layer.
    if (status === '' || last.get(id) === status) continue;
    last.set(id, status);
    onProgress(id ? `${id}: ${status}` : status);
  }
}

/** Docker sends an empty object when there is no login: docs.docker.com/reference/api/engine/#section/Authentication */
function authHeader(ref: string, login: RegistryLogin | undefined): Record<string, string> {
  const auth = login ? { ...login, serveraddress: registryOf(ref) } : {};
  // Go's URLEncoding wants the padding that base64url leaves out; without it the engine takes the login for none.
  const text = Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  return { 'X-Registry-Auth': text };
}

function pushError(ref: string, reason: string): AppError {
  const advice =
    'Check registry_url, that credentials for it are stored (POST /registry-credentials), and that they may push there.';
  return new Invalid(
    'push_refused',
    `The image could not be pushed to ${ref}: ${reason.replace(/[.\s]+$/, '')}. ${advice}`,
  );
}

function pullError(ref: string, reason: string): AppError {
  if (!/no space left on device/i.test(reason)) return unavailable(ref, reason);
  return new Capacity('disk_full', `The disk of the Docker host is full; the image ${ref} could not be pulled.`);
}

function unavailable(ref: string, reason: string, cause?: AppError): Invalid {
  const advice =
    'Check the name and tag; on a host without access to a registry, load the image there first (docker load), or build it from a Dockerfile.';
  const message = `The image ${ref} is not on the host and cannot be pulled: ${reason.replace(/[.\s]+$/, '')}. ${advice}`;
  return new Invalid('image_unavailable', message, { cause, details: { image: ref } });
}

/** Aborts when the caller does, or when nothing was heard for `ms`. */
class Silence {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly passOn = () => this.controller.abort(this.outer.reason);

  constructor(
    ms: number,
    private readonly outer: AbortSignal,
  ) {
    const error = new Unavailable('image_pull_stalled', 'The registry stopped sending; try again.');
    this.timer = setTimeout(() => this.controller.abort(error), ms);
    outer.addEventListener('abort', this.passOn, { once: true });
    if (outer.aborted) this.passOn();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  broken(): void {
    this.timer.refresh();
  }

  end(): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener('abort', this.passOn);
  }
}

export function factsOf(image: WireImage): ImageFacts {
  const config = image.Config ?? {};
  return {
    id: image.Id,
    sizeBytes: image.Size,
    digest: image.RepoDigests?.[0]?.split('@')[1] ?? null,
    exposedPorts: tcpPorts(Object.keys(config.ExposedPorts ?? {})),
    healthcheck: healthcheckOf(config.Healthcheck),
    touchedAt: later(image.Created, image.Metadata?.LastTagTime),
    entrypoint: config.Entrypoint ?? [],
    cmd: config.Cmd ?? [],
    labels: config.Labels ?? {},
  };
}

function later(...times: (string | undefined)[]): Date {
  return new Date(Math.max(0, ...times.map((time) => (time ? Date.parse(time) : 0)).filter(Number.isFinite)));
}

/** `80/tcp` -> 80. */
function tcpPorts(exposed: string[]): number[] {
  const ports = exposed.filter((port) => !/\/(udp|sctp)$/.test(port)).map((port) => Number.parseInt(port, 10));
  return ports.sort((a, b) => a - b);
}

function healthcheckOf(check: NonNullable<WireImage['Config']>['Healthcheck']): ImageFacts['healthcheck'] {
  const test = check?.Test ?? [];
  if (test.length === 0 || test[0] === 'NONE') return null;
  return { test, timeoutMs: check?.Timeout ? check.Timeout / 1e6 : 30_000 };
}
