/**
 * Is a new release ready for traffic? HTTP path when one is given, else a TCP connection; the image's HEALTHCHECK must pass too. When it
 * is not, says why in words the developer can act on.
 */
import http from 'node:http';
import net from 'node:net';
import type { ContainerRuntime, ImageFacts, Owner, Workload } from '#drivers/runtime/port.js';
import { Invalid } from '#platform/errors.js';
import { pause } from '#workflows/attempt.js';

export interface ReadinessTarget {
  names: string[];
  /** Null: no route (worker): it is ready when it has stayed up. */
  port: number | null;
  path: string | null;
  healthcheck: ImageFacts['healthcheck'];
}

/** First looks are close together: most small apps listen within a second. */
const FIRST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 500;
/** Knocks at the port between two looks: one costs a tenth of a look, and what starts up needs the CPU itself. */
const KNOCKS_PER_LOOK = 10;
const NEXT_EXIT_LOOK_MS = 15;
const PROBE_TIMEOUT_MS = 5000;
/** A worker has no port to knock at: it must have run this long without exiting. */
const WORKER_SETTLES_MS = 2000;
const HEALTHCHECK_EVERY_MS = 1000;
/** What exits right after its start does so again about as fast. */
const NEXT_EXIT_MS = 3000;
/** The engine's own resolver listens here, on a random port, in every container (https://docs.docker.com/engine/network/#dns-services). */
const ENGINE_RESOLVER = '127.0.0.11';

/**
 * Resolves with the address of each replica, in the order of `names`, once all are ready.
 * @throws Invalid `release_exited`, `release_unhealthy` (the message says what was found).
 */
export async function awaitReady(
  runtime: ContainerRuntime,
  owner: Owner,
  target: ReadinessTarget,
  withinMs: number,
  signal: AbortSignal,
): Promise<string[]> {
  const deadline = performance.now() + withinMs;
  return Promise.all(target.names.map((name) => new Watch(runtime, owner, target, name, deadline).ready(signal)));
}

class Watch {
  private last = 'it has not started';
  private refused = false;
  private seen: { startedAt: string | null; at: number } | null = null;

  constructor(
    private readonly runtime: ContainerRuntime,
    private readonly owner: Owner,
    private readonly target: ReadinessTarget,
    private readonly name: string,
    private readonly deadline: number,
  ) {}

  async ready(signal: AbortSignal): Promise<string> {
    for (let wait = FIRST_LOOK_MS; ; wait = Math.min(wait * 1.3, LONGEST_LOOK_MS)) {
      const workload = await this.requireAlive(signal);
      if (workload && (await this.answers(workload)) && (await this.healthy(workload, signal)))
        return workload.address ?? '';
      if (performance.now() > this.deadline) throw await this.gaveUp(workload);
      const listens = await this.untilNextLook(workload, wait, signal);
      if (listens && !this.target.path && !this.target.healthcheck) return listens;
    }
  }

  /** Waits so long, or until somebody listens. @returns the address at which he does */
  private async untilNextLook(workload: Workload | null, waitMs: number, signal: AbortSignal): Promise<string | null> {
    const { port } = this.target;
    const address = this.refused && workload?.address;
    if (!address || port === null) {
      await pause(waitMs, signal);
      return null;
    }
    for (let knock = 0; knock < KNOCKS_PER_LOOK; knock++) {
      await pause(waitMs / KNOCKS_PER_LOOK, signal);
      if ((await tcpProblem(address, port)) === null) return address;
    }
    return null;
  }

  /** Null while it is being started. @throws Invalid `release_exited`. */
  private async requireAlive(signal: AbortSignal): Promise<Workload | null> {
    const workload = await this.runtime.find(this.name, this.owner);
    if (!workload) return null;
    const exited = workload.state === 'exited' || workload.state === 'dead';
    if (exited || workload.restarts > 0) throw await this.exited(workload, signal);
    return workload.state === 'running' ? workload : null;
  }

  private async answers(workload: Workload): Promise<boolean> {
    const { port, path } = this.target;
    if (port === null) {
      this.last = 'it has just started';
      return this.stayedUp(workload) >= WORKER_SETTLES_MS;
    }
    if (!workload.address) return false;
    const problem = path ? await httpProblem(workload.address, port, path) : await tcpProblem(workload.address, port);
    if (problem) this.last = problem.text;
    this.refused = problem?.refused ?? false;
    return problem === null;
  }

  /** Milliseconds that we have seen this start of it run. The engine's clock and ours may differ, so its time only tells starts apart. */
  private stayedUp({ startedAt }: Workload): number {
    if (this.seen?.startedAt !== startedAt) this.seen = { startedAt, at: performance.now() };
    return performance.now() - this.seen.at;
  }

  /** The image's own test, run by us: the engine would first try it after its interval, often 30 seconds. */
  private async healthy(workload: Workload, signal: AbortSignal): Promise<boolean> {
    const { healthcheck } = this.target;
    if (!healthcheck || workload.health === 'healthy') return true;
    if (await this.runtime.probe(workload, healthcheck.test, healthcheck.timeoutMs)) return true;
    this.last = 'the HEALTHCHECK of its image fails';
    await pause(HEALTHCHECK_EVERY_MS, signal);
    return false;
  }

  private async exited(found: Workload, signal: AbortSignal): Promise<Invalid> {
    const workload = await this.stopped(found, signal);
    const why = workload.oomKilled
      ? 'it used more memory than its limit'
      : `exit code ${workload.exitCode ?? 'unknown'}`;
    const message = `The app stopped right after it was started (${why}). Its last output:\n${await this.tail(workload)}`;
    return new Invalid('release_exited', message);
  }

  /** The engine may have started it again already, and a container that runs has no exit code: the next exit has one. */
  private async stopped(workload: Workload, signal: AbortSignal): Promise<Workload> {
    const until = Math.min(this.deadline, performance.now() + NEXT_EXIT_MS);
    let last = workload;
    while (last.exitCode === null && performance.now() < until) {
      await pause(NEXT_EXIT_LOOK_MS, signal);
      last = (await this.runtime.find(this.name, this.owner)) ?? last;
    }
    return last;
  }

  private async gaveUp(workload: Workload | null): Promise<Invalid> {
    const listening = workload ? await this.listening(workload) : '';
    const output = workload ? `\nIts last output:\n${await this.tail(workload)}` : '';
    return new Invalid(
      'release_unhealthy',
      `The app did not become healthy in time: ${this.last}.${listening}${output}`,
    );
  }

  private async listening(workload: Workload): Promise<string> {
    const { port } = this.target;
    if (port === null) return '';
    const all = await this.runtime.listening(workload);
    const sockets = all.filter(({ address }) => address !== ENGINE_RESOLVER);
    if (sockets.length === 0) return ` It listens on no port; it should listen on 0.0.0.0:${port} (the variable PORT).`;
    const own = sockets.filter((socket) => socket.port === port);
    if (own.length > 0 && own.every(({ address }) => address.startsWith('127.') || address === '::1')) {
      return ` It listens on ${own[0]?.address}:${port} only, which nobody outside its container can reach: listen on 0.0.0.0.`;
    }
    if (own.length > 0) return '';
    const found = [...new Set(sockets.map((socket) => socket.port))].sort((a, b) => a - b).join(', ');
    return ` It listens on port ${found}, not on ${port}: make it use the variable PORT, or set the service's port.`;
  }

  private async tail(workload: Workload): Promise<string> {
    const lines: string[] = [];
    const query = { tail: 20, follow: false };
    for await (const batch of this.runtime.logs(workload, query, AbortSignal.timeout(5000)))
      lines.push(...batch.map((line) => line.message));
    return lines.slice(-20).join('\n') || '(it wrote nothing)';
  }
}

interface Problem {
  text: string;
  /** Nobody listens on the port. */
  refused: boolean;
}

/** Null when the app answers 2xx or 3xx. */
function httpProblem(host: string, port: number, path: string): Promise<Problem | null> {
  return new Promise((resolve) => {
    const request = http.get(
      {
        host,
        port,
        path,
        timeout: PROBE_TIMEOUT_MS,
        agent: false,
        headers: { 'user-agent': 'containr-health', connection: 'close' },
      },
      (response) => {
        const status = response.statusCode ?? 0;
        response.destroy();
        const ok = status >= 200 && status < 400;
        resolve(ok ? null : { text: `${path} answers with status ${status}`, refused: false });
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', (error: NodeJS.ErrnoException) => resolve(connectProblem(error, port)));
  });
}

function tcpProblem(host: string, port: number): Promise<Problem | null> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: PROBE_TIMEOUT_MS });
    const settle = (problem: Problem | null) => {
      socket.destroy();
      resolve(problem);
    };
    socket.on('connect', () => settle(null));
    socket.on('timeout', () => settle({ text: `port ${port} does not answer`, refused: false }));
    socket.on('error', (error: NodeJS.ErrnoException) => settle(connectProblem(error, port)));
  });
}

function connectProblem(error: NodeJS.ErrnoException, port: number): Problem {
  if (error.code === 'ECONNREFUSED') return { text: `nothing listens on port ${port}`, refused: true };
  return { text: `port ${port} does not answer (${error.code ?? error.message})`, refused: false };
}
