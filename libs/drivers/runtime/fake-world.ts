/** What the fake engine holds: shared by FakeRuntime and its stores. */
import { Conflict, Unavailable } from '#platform/errors.js';
import type {
  ListeningSocket,
  LogLine,
  Owner,
  RuntimeEvent,
  Workload,
  WorkloadSpec,
  WorkloadState,
  WorkloadUsage,
} from './port.js';

/** What a command does when it is started. */
export interface Behaviour {
  /** Ends by itself, at once, with this code. */
  exitCode?: number;
  /** The engine cannot start it: becomes Invalid `start_failed`. */
  startError?: string;
}

export interface FakeWorkload extends Workload {
  spec: WorkloadSpec;
  state: WorkloadState;
  lines: LogLine[];
  listening: ListeningSocket[];
  used: Pick<WorkloadUsage, 'cpuSeconds' | 'memoryBytes' | 'network'>;
}

interface Injected {
  error: Error;
  after: boolean;
}

/** Wakes everybody who waits for something to change. */
export class Bell {
  private waiting: (() => void)[] = [];

  ring(): void {
    const woken = this.waiting;
    this.waiting = [];
    for (const wake of woken) wake();
  }

  /** Resolves at the next ring or when the signal aborts. */
  heard(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const wake = () => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.waiting.push(wake);
    });
  }
}

export class FakeWorld {
  readonly workloads = new Map<string, FakeWorkload>();
  readonly bell = new Bell();
  readonly subscribers = new Set<{ owner: Owner; queue: RuntimeEvent[] }>();
  /** Every verb that was called, in order, e.g. `ensureRunning web-1`. */
  readonly calls: string[] = [];
  /** True: every verb rejects with Unavailable, as with the engine's process gone. */
  unreachable = false;
  private readonly injected = new Map<string, Injected[]>();

  /** Runs one verb: records it, and fails it before or after its effect when a test asked for that. */
  async run<T>(verb: string, about: string, effect: () => T | Promise<T>): Promise<T> {
    this.calls.push(`${verb} ${about}`.trim());
    // Every answer of a real engine comes later than the question.
    await Promise.resolve();
    if (this.unreachable) throw new Unavailable('engine_unreachable', 'The fake engine is switched off.');
    const failure = this.injected.get(verb)?.shift();
    if (failure && !failure.after) throw failure.error;
    const result = await effect();
    if (failure) throw failure.error;
    return result;
  }

  failNext(verb: string, error: Error, options: { after?: boolean } = {}): void {
    const queue = this.injected.get(verb) ?? [];
    queue.push({ error, after: options.after ?? false });
    this.injected.set(verb, queue);
  }

  emit(kind: RuntimeEvent['kind'], workload: FakeWorkload): void {
    const { installation, service } = workload.labels;
    for (const { owner, queue } of this.subscribers) {
      if (owner.installation === installation) queue.push({ kind, name: workload.name, service });
    }
    this.bell.ring();
  }
}

export function nameTaken(kind: string, name: string): Conflict {
  return new Conflict(
    'name_taken',
    `A ${kind} named "${name}" that is not ours exists on the Docker host; rename or remove it.`,
  );
}
