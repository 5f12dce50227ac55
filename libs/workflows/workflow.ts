/**
 * What a feature registers: kinds of steps, and workflows made of them. The engine knows no feature; it calls these functions.
 */
import type { Tx } from '#platform/prisma/prisma.service.js';
import type { JsonObject, Outcome, Plan } from './plan.js';

/** The run as steps and hooks see it. */
export interface RunRef {
  id: string;
  workflow: string;
  subjectId: string;
  lockKey: string;
  /** Fencing number of this execution. */
  attempt: number;
}

export interface StepContext {
  run: RunRef;
  /** Aborts when the run is cancelled, the lease is lost, the step's deadline passes or the worker shuts down. */
  signal: AbortSignal;
  /** Output of an earlier step of this run. @throws Error when that step has none: a bug in the plan. */
  output<T extends JsonObject>(kind: string): T;
  /**
   * Runs what only waits for other runs (a place in a line): meanwhile the worker may execute one run more, so that those who wait never
   * keep those from running for whom they wait.
   */
  idle<T>(wait: () => Promise<T>): Promise<T>;
}

export interface StepKind<P extends JsonObject = JsonObject, O extends JsonObject = JsonObject> {
  kind: string;
  /** Longest time for one execution of `do` (and of `undo`), retries included. Milliseconds. */
  deadlineMs: number | ((params: P) => number);
  /**
   * Past the point of no return: is not undone and cannot be cancelled. When it fails for good the run goes on,
   * and the reconciler puts right what it left.
   */
  forwardOnly?: boolean;
  /** Writes that belong to the start of the step, in the transaction that marks it running. */
  begin?(tx: Tx, run: RunRef, params: P): Promise<void>;
  /** The work outside the process. Idempotent: may run again after a crash at any point of it. */
  do(ctx: StepContext, params: P): Promise<O>;
  /** Writes that belong to its success, in the transaction that records it. */
  commit?(tx: Tx, run: RunRef, params: P, output: O): Promise<void>;
  /** Takes back everything `do` may have done, also when it stopped half-way. Idempotent. */
  undo?(ctx: Pick<StepContext, 'run' | 'signal'>, params: P, output: O | null): Promise<void>;
}

export interface RunFailure {
  code: string;
  message: string;
}

export interface Workflow {
  name: string;
  /**
   * Makes the plan, once, when the run first starts, in the transaction that stores it: reads what is wanted and what is there, then calls
   * a pure `plan*` function. An AppError ends the run as failed before it began.
   */
  plan(tx: Tx, run: RunRef): Promise<Plan>;
  /** In the transaction that ends the run. `failure` is set for failed, cancelled and stuck. */
  finished(tx: Tx, run: RunRef, outcome: Outcome, failure: RunFailure | null): Promise<void>;
  /** After each committed change of the run, e.g. to wake whoever follows it. Must not throw. */
  changed?(run: RunRef): void;
}

/** The kinds and workflows this process can execute. */
export class WorkflowRegistry {
  private readonly kinds = new Map<string, StepKind>();
  private readonly workflows = new Map<string, Workflow>();

  register(workflow: Workflow, kinds: StepKind[]): void {
    this.workflows.set(workflow.name, workflow);
    this.addKinds(kinds);
  }

  addKinds(kinds: StepKind[]): void {
    for (const kind of kinds) this.kinds.set(kind.kind, kind);
  }

  names(): string[] {
    return [...this.workflows.keys()];
  }

  requireKind(name: string): StepKind {
    const kind = this.kinds.get(name);
    if (!kind) throw new Error(`no step kind ${name} is registered in this process`);
    return kind;
  }

  requireWorkflow(name: string): Workflow {
    const workflow = this.workflows.get(name);
    if (!workflow) throw new Error(`no workflow ${name} is registered in this process`);
    return workflow;
  }
}

/** Keeps the types of one kind's params and output together while the registry holds them untyped. */
export function stepKind<P extends JsonObject, O extends JsonObject>(kind: StepKind<P, O>): StepKind {
  return kind as unknown as StepKind;
}
