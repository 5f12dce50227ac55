/**
 * Executes one claimed run: next unfinished step -> do -> record -> next; backwards when a step fails or the user cancels.
 * Knows nothing of what the steps mean. Anything that aborts because this worker lost the run is left exactly as it is.
 */
import { AppError, publicMessage } from '#platform/errors.js';
import { isDatabaseDown, type PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import type { Tracing } from '#platform/tracing.js';
import { currentSpan, within } from '#platform/work-context.js';
import { attempt, pause } from './attempt.js';
import { Cancelled, Lease, ShuttingDown } from './lease.js';
import type { JsonObject, Outcome } from './plan.js';
import {
  advance,
  type ClaimedRun,
  endRun,
  fence,
  LeaseLost,
  loadSteps,
  markStep,
  markUndoing,
  releaseLease,
  type StoredStep,
  storePlan,
} from './runs.queries.js';
import type { RunFailure, StepContext, StepKind, WorkflowRegistry } from './workflow.js';

export interface RunnerLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Told when the run begins and ends to wait for others. */
export type Idling = (idle: boolean) => void;

/** A run that has been taken over this often kills its workers: it is given up. */
const MAX_ATTEMPTS = 25;
const CANCELLED: RunFailure = { code: 'cancelled', message: 'Cancelled.' };

export class Runner {
  constructor(
    private readonly db: PrismaService,
    private readonly registry: WorkflowRegistry,
    private readonly log: RunnerLog,
    private readonly tracing: Tracing | null = null,
  ) {}

  /** Resolves when the run has ended or is no longer ours; never rejects. What is logged meanwhile says which run it belongs to. */
  async execute(run: ClaimedRun, shutdown: AbortSignal, idling: Idling = () => undefined): Promise<void> {
    const { id, workflow, attempt, subjectId } = run;
    const about = { 'containr.run_id': id, 'containr.attempt': attempt, 'containr.subject_id': subjectId };
    const span = this.tracing?.run(`run ${workflow}`, run, about);
    const fields = { run_id: id, workflow, attempt, ...(span ? { trace_id: span.traceId } : {}) };
    await within({ fields, span }, () => this.executeHere(run, shutdown, idling));
    span?.end();
  }

  private async executeHere(run: ClaimedRun, shutdown: AbortSignal, idling: Idling): Promise<void> {
    const lease = new Lease(this.db, run, shutdown);
    if (run.cancelRequested) lease.requestCancel();
    try {
      await new Execution(this.db, this.registry, this.log, run, lease, await loadSteps(this.db, run.id), idling).go();
    } catch (error) {
      const reason = lease.ownership.aborted ? lease.ownership.reason : error;
      this.log.info({ reason: String(reason) }, 'run left to the next worker');
      currentSpan()?.fail('left to the next worker');
      if (reason instanceof ShuttingDown || !(reason instanceof LeaseLost))
        await releaseLease(this.db, run).catch(() => undefined); // the lease runs out by itself
    } finally {
      lease.close();
    }
  }
}

class Execution {
  private readonly workflow;
  /** Begun by this execution, so not to be begun again. */
  private current: StoredStep | null = null;

  constructor(
    private readonly db: PrismaService,
    private readonly registry: WorkflowRegistry,
    private readonly log: RunnerLog,
    private readonly run: ClaimedRun,
    private readonly lease: Lease,
    private steps: StoredStep[],
    private readonly idling: Idling,
  ) {
    this.workflow = registry.requireWorkflow(run.workflow);
  }

  async go(): Promise<void> {
    if (this.run.status === 'undoing')
      return this.backward(this.run.failure ?? { code: 'internal', message: 'Unknown failure' });
    if (this.run.attempt > MAX_ATTEMPTS) {
      const failure = {
        code: 'too_many_attempts',
        message: 'This run stopped its worker again and again and was given up.',
      };
      return this.turnBack(null, failure, `attempt ${this.run.attempt}`);
    }
    if (this.steps.length === 0 && !(await this.plan())) return;
    for (const step of this.steps) {
      if (step.status === 'done' || step.status === 'failed') continue;
      const kind = this.registry.requireKind(step.kind);
      if (!(await this.forward(step, kind))) return;
    }
    await this.finish('succeeded', null);
  }

  /** @returns false when there is nothing to run: the run has already failed or was cancelled before it began. */
  private async plan(): Promise<boolean> {
    try {
      this.lease.cancel.throwIfAborted();
      let steps: StoredStep[] = [];
      await this.write(async (tx) => {
        steps = await storePlan(tx, this.run, await this.workflow.plan(tx, this.run));
        if (steps[0]) await this.begin(tx, steps[0]);
      });
      this.steps = steps;
      this.begun(steps[0]);
      return true;
    } catch (error) {
      if (!(error instanceof AppError || error instanceof Cancelled)) throw error;
      const failure = error instanceof Cancelled ? CANCELLED : describe(error);
      await this.turnBack(null, failure, String(error));
      return false;
    }
  }

  /** In the transaction that ends what was before it: half as many transactions for a run. */
  private async begin(tx: Tx, step: StoredStep): Promise<void> {
    await markStep(tx, this.run, step.position, 'running');
    await this.registry.requireKind(step.kind).begin?.(tx, this.run, step.params);
  }

  /** To be called when that transaction has been committed. */
  private begun(step: StoredStep | undefined): void {
    if (!step) return;
    step.status = 'running';
    this.current = step;
  }

  /** The step to begin when this one is done; none when the run is to turn back. */
  private next(step: StoredStep): StoredStep | undefined {
    const next = this.steps.find(({ position, status }) => position > step.position && status === 'pending');
    return this.lease.cancel.aborted ? undefined : next;
  }

  /** One step. @returns false when the run has turned back. */
  private async forward(step: StoredStep, kind: StepKind): Promise<boolean> {
    try {
      if (!kind.forwardOnly) this.lease.cancel.throwIfAborted();
      if (this.current !== step) {
        await this.write((tx) => this.begin(tx, step));
        this.begun(step);
      }
      const output = await inStep(step.kind, step.kind, () =>
        attempt((signal) => kind.do(this.context(signal), step.params), this.deadline(kind, step), this.signals(kind)),
      );
      const next = this.next(step);
      await this.advance(step, kind, output, next);
      Object.assign(step, { status: 'done', output });
      this.begun(next);
      return true;
    } catch (error) {
      if (this.lease.ownership.aborted || error instanceof LeaseLost) throw error;
      return this.failed(step, kind, error);
    }
  }

  /** In a transaction only when the kinds of steps write something too. */
  private advance(step: StoredStep, kind: StepKind, output: JsonObject, next: StoredStep | undefined): Promise<void> {
    const begin = next && this.registry.requireKind(next.kind).begin;
    const move = (tx: Tx) => advance(tx, this.run, { position: step.position, output }, next?.position ?? null);
    if (!kind.commit && !begin) return this.stored(() => move(this.db));
    return this.stored(() =>
      this.db.$transaction(async (tx) => {
        await move(tx);
        await kind.commit?.(tx, this.run, step.params, output);
        if (next) await begin?.(tx, this.run, next.params);
      }),
    );
  }

  private async failed(step: StoredStep, kind: StepKind, error: unknown): Promise<boolean> {
    const cancelled = error instanceof Cancelled;
    const failure = cancelled ? CANCELLED : describe(error);
    if (!cancelled && !(error instanceof AppError && error.status < 500)) {
      this.log.error({ step: step.kind, err: error }, 'step failed');
    }
    if (!kind.forwardOnly) {
      await this.turnBack(step, failure, String((error as Error)?.stack ?? error));
      return false;
    }
    await this.write((tx) => markStep(tx, this.run, step.position, 'failed', { error: failure.message }));
    step.status = 'failed';
    return true;
  }

  private async turnBack(step: StoredStep | null, failure: RunFailure, cause: string): Promise<void> {
    await this.write(async (tx) => {
      if (step?.status === 'running') await markStep(tx, this.run, step.position, 'failed', { error: failure.message });
      await markUndoing(tx, this.run, failure, cause);
    });
    if (step?.status === 'running') step.status = 'failed';
    await this.backward(failure);
  }

  /** Newest first: every step that finished, and the one in doubt. */
  private async backward(failure: RunFailure): Promise<void> {
    for (const step of [...this.steps].reverse()) {
      if (step.status === 'pending' || step.status === 'undone') continue;
      const kind = this.registry.requireKind(step.kind);
      if (!kind.undo) continue;
      const { undo } = kind;
      try {
        await inStep(step.kind, `undo ${step.kind}`, () =>
          attempt((signal) => undo({ run: this.run, signal }, step.params, step.output), this.deadline(kind, step), [
            this.lease.ownership,
          ]),
        );
        // The error of the step that failed stays readable: only its status moves on where it had succeeded.
        if (step.status !== 'failed') await this.write((tx) => markStep(tx, this.run, step.position, 'undone'));
      } catch (error) {
        if (this.lease.ownership.aborted || error instanceof LeaseLost) throw error;
        return this.stuck(step, failure, error);
      }
    }
    await this.finish(failure.code === 'cancelled' ? 'cancelled' : 'failed', failure);
  }

  private async stuck(step: StoredStep, failure: RunFailure, error: unknown): Promise<void> {
    this.log.error({ step: step.kind, err: error }, 'undo failed: the run is stuck until a person decides');
    const message = `${failure.message} Taking back "${step.kind}" failed too: ${describe(error).message} Resolve it with retry or abandon.`;
    await this.finish('stuck', { code: 'stuck', message });
  }

  private finish(outcome: Outcome, failure: RunFailure | null): Promise<void> {
    currentSpan()?.set({ 'containr.outcome': outcome });
    if (failure) currentSpan()?.fail(failure.message);
    return this.write(async (tx) => {
      await endRun(tx, this.run, outcome);
      await this.workflow.finished(tx, this.run, outcome, failure);
    });
  }

  /** One fenced transaction. */
  private write(work: (tx: Tx) => Promise<void>): Promise<void> {
    return this.stored(() =>
      this.db.$transaction(async (tx) => {
        await fence(tx, this.run);
        await work(tx);
      }),
    );
  }

  /** While the database is away it is tried again for as long as the run is ours. */
  private async stored(work: () => Promise<void>): Promise<void> {
    for (;;) {
      this.lease.ownership.throwIfAborted();
      try {
        await work();
        this.workflow.changed?.(this.run);
        return;
      } catch (error) {
        if (!isDatabaseDown(error)) throw error;
        await pause(200, this.lease.ownership);
      }
    }
  }

  private context(signal: AbortSignal): StepContext {
    return {
      run: this.run,
      signal,
      output: <T extends JsonObject>(kind: string) => {
        const found = this.steps.find((step) => step.kind === kind && step.output);
        if (!found) throw new Error(`step ${kind} has no output in run ${this.run.id}`);
        return found.output as T;
      },
      idle: async (wait) => {
        this.idling(true);
        try {
          return await wait();
        } finally {
          this.idling(false);
        }
      },
    };
  }

  private signals(kind: StepKind): AbortSignal[] {
    return kind.forwardOnly ? [this.lease.ownership] : [this.lease.ownership, this.lease.cancel];
  }

  private deadline(kind: StepKind, step: StoredStep): number {
    return typeof kind.deadlineMs === 'number' ? kind.deadlineMs : kind.deadlineMs(step.params);
  }
}

/** What is logged meanwhile says which step it belongs to. */
function inStep<T>(kind: string, name: string, work: () => Promise<T>): Promise<T> {
  const span = currentSpan()?.child(name, { 'containr.step': kind });
  return within({ fields: { step: kind }, span }, async () => {
    try {
      return await work();
    } catch (error) {
      span?.fail(publicMessage(error));
      throw error;
    } finally {
      span?.end();
    }
  });
}

function describe(error: unknown): RunFailure {
  return { code: error instanceof AppError ? error.code : 'internal', message: publicMessage(error) };
}
