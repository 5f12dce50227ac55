/**
 * Builder on a Docker Engine: BuildKit through the Docker API (`POST /build?version=2`), the classic builder only when the engine has no
 * BuildKit, which is asked once.
 *
 * Limits: time always. CPU and memory for each RUN step, see build-limits.ts for how and for where it does not apply (an engine on another
 * machine, above all; the log then says so). The classic builder takes them as parameters. Layer cache: the engine keeps it.
 * Lines of the log: progress.ts. Secrets: session.ts.
 */
import { randomUUID } from 'node:crypto';
import type { EngineClient } from '#drivers/runtime/docker/client.js';
import { refusalOf } from '#drivers/runtime/docker/errors.js';
import { AppError } from '#platform/errors.js';
import { type LimitWatch, watchBuild, withMarker } from './build-limits.js';
import { ClassicProgress } from './classic-progress.js';
import {
  askEngine,
  cancelBuild,
  connect,
  type EngineFacts,
  type EngineOptions,
  inspectImage,
  postBuild,
  pruneCache,
  removeImage,
} from './engine.js';
import { type BuildOutcome, follow } from './events.js';
import { engineUnreachable, failure } from './failure.js';
import type { Builder, BuildRequest, BuiltImage } from './port.js';
import { PlainProgress } from './progress.js';
import { redactor } from './redact.js';
import { openSession, type Session } from './session.js';
import { Stop } from './stop.js';

/** How long a cancelled build may take to wind down before the connection is cut, ms. */
const CANCEL_GRACE_MS = 1500;
/** CPU accounting period of the classic builder, microseconds. */
const CPU_PERIOD = 100_000;
/** What compilers, shells and package managers print when the kernel killed their child. */
const KILLED = /\bKilled\b|SIGKILL|signal 9\b|exit code:? 137/;

export interface DockerBuilderOptions extends EngineOptions {
  /** Where control groups are mounted; default `/sys/fs/cgroup`. */
  cgroupRoot?: string;
}

/** One build under way. */
interface Attempt {
  id: string;
  request: BuildRequest;
  engine: EngineFacts;
  progress: PlainProgress;
  classic: ClassicProgress;
  redact: (text: string) => string;
  limits: LimitWatch | null;
  session: Session | null;
}

export class DockerBuilder implements Builder {
  private readonly client: EngineClient;
  private facts: Promise<EngineFacts> | null = null;

  constructor(private readonly options: DockerBuilderOptions = {}) {
    this.client = connect(options);
  }

  async build(request: BuildRequest, signal: AbortSignal): Promise<BuiltImage> {
    const stop = new Stop(signal, request);
    try {
      signal.throwIfAborted();
      return await this.attempt(request, stop);
    } catch (error) {
      throw stop.reason() ?? (error instanceof AppError ? error : engineUnreachable(error));
    } finally {
      stop.clear();
      request.context.destroy();
    }
  }

  async pruneCache(keepBytes: number): Promise<number> {
    try {
      return await pruneCache(this.client, keepBytes);
    } catch (error) {
      throw engineUnreachable(error);
    }
  }

  private async attempt(request: BuildRequest, stop: Stop): Promise<BuiltImage> {
    const engine = await this.engine();
    const redact = redactor(Object.values(request.secrets));
    const progress = new PlainProgress(request.log, redact, request.progress);
    const classic = new ClassicProgress(request.log, redact);
    const attempt: Attempt = {
      id: randomUUID(),
      request,
      engine,
      progress,
      classic,
      redact,
      limits: null,
      session: null,
    };
    try {
      this.watchLimits(attempt);
      if (engine.buildKit) attempt.session = await openSession(this.client, request, stop.signal);
      const outcome = await this.run(attempt, stop);
      return await this.result(attempt, outcome);
    } finally {
      attempt.limits?.close();
      attempt.session?.close();
    }
  }

  private engine(): Promise<EngineFacts> {
    this.facts ??= askEngine(this.client).catch((error) => {
      this.facts = null;
      throw error;
    });
    return this.facts;
  }

  private watchLimits(attempt: Attempt): void {
    const { engine, request } = attempt;
    if (!engine.buildKit) return;
    if (engine.localRoot !== null) {
      const where = { dockerRoot: engine.localRoot, cgroupRoot: this.options.cgroupRoot };
      attempt.limits = watchBuild(where, marker(attempt.id), request.limits);
    }
    if (attempt.limits === null)
      request.log('CPU and memory of this build are not limited: the Docker Engine is not on this machine.');
  }

  /** Follows the build to its end. When stopped it asks the engine to cancel and waits for that, so that nothing of it is left. */
  private async run(attempt: Attempt, stop: Stop): Promise<BuildOutcome> {
    const connection = new AbortController();
    const cancel = () => this.cancel(attempt, connection);
    stop.signal.addEventListener('abort', cancel, { once: true });
    try {
      stop.signal.throwIfAborted();
      const stream = await postBuild(this.client, attempt.request.context, parameters(attempt), connection.signal);
      const outcome = await follow(stream, attempt);
      if (stop.signal.aborted) await this.dropImage(attempt.request.tag, outcome);
      stop.signal.throwIfAborted();
      return outcome;
    } catch (error) {
      throw refused(error, attempt) ?? error;
    } finally {
      stop.signal.removeEventListener('abort', cancel);
      connection.abort();
    }
  }

  private cancel(attempt: Attempt, connection: AbortController): void {
    const cut = setTimeout(() => connection.abort(), CANCEL_GRACE_MS).unref();
    connection.signal.addEventListener('abort', () => clearTimeout(cut), { once: true });
    // The body may still be uploading (a context that never ends): without its end the engine has no build to cancel yet.
    if (!attempt.request.context.readableEnded) connection.abort();
    // The classic builder has no ids: it ends when the connection does.
    else if (!attempt.engine.buildKit) connection.abort();
    else cancelBuild(this.client, attempt.id).catch(() => connection.abort());
  }

  /** The build was stopped too late and has made its image. */
  private async dropImage(tag: string, outcome: BuildOutcome): Promise<void> {
    if (outcome.imageId === null) return;
    await removeImage(this.client, tag);
  }

  private async result(attempt: Attempt, outcome: BuildOutcome): Promise<BuiltImage> {
    if (outcome.error !== null) throw failure(facts(attempt, outcome.error));
    if (outcome.imageId === null) throw engineUnreachable(new Error('the engine ended the build without a result'));
    const image = await inspectImage(this.client, outcome.imageId);
    return { id: image.Id, sizeBytes: image.Size };
  }
}

const marker = (id: string): string => `${id}.build.containr.invalid`;

function parameters(attempt: Attempt): Record<string, string | number | undefined> {
  const { request } = attempt;
  const common = { t: request.tag, dockerfile: request.dockerfile, labels: JSON.stringify(request.labels) };
  if (!attempt.engine.buildKit) return { ...common, ...classicParameters(request) };
  const buildArgs = attempt.limits ? withMarker(request.buildArgs, marker(attempt.id)) : request.buildArgs;
  return {
    ...common,
    version: '2',
    buildid: attempt.id,
    session: attempt.session?.id,
    buildargs: JSON.stringify(buildArgs),
  };
}

function classicParameters(request: BuildRequest): Record<string, string | number> {
  const memory = Math.floor(request.limits.memoryBytes);
  const cpu = { cpuperiod: CPU_PERIOD, cpuquota: Math.round(request.limits.cpus * CPU_PERIOD) };
  return {
    version: '1',
    rm: 1,
    forcerm: 1,
    memory,
    memswap: memory,
    ...cpu,
    buildargs: JSON.stringify(request.buildArgs),
  };
}

function facts(attempt: Attempt, text: string) {
  const limited = attempt.limits?.effective() ?? !attempt.engine.buildKit;
  return {
    text: attempt.redact(text),
    step: attempt.progress.failed() ?? attempt.classic.current(),
    dockerfile: attempt.request.dockerfile,
    memoryLimit: limited ? attempt.request.limits.memoryBytes : null,
    killed: (attempt.limits?.oomKilled() ?? false) || attempt.progress.saw(KILLED),
  };
}

/** The engine answered with an error instead of a stream: the classic builder does so for a Dockerfile it cannot read. */
function refused(error: unknown, attempt: Attempt): AppError | null {
  const refusal = refusalOf(error);
  if (!refusal || refusal.httpStatus === 503) return null;
  return failure(facts(attempt, refusal.reason));
}
