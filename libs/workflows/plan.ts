/**
 * A plan is data: a list of small named steps with every id and name already chosen. It is stored before anything runs, so whoever takes
 * the run over after a crash does exactly what the first worker would have done.
 */
export type JsonObject = { [key: string]: Json };
export type Json = string | number | boolean | null | Json[] | JsonObject;

export interface PlannedStep {
  /** Name of a registered StepKind, e.g. `image.build`. */
  kind: string;
  params: JsonObject;
}

export type Plan = PlannedStep[];

export function step(kind: string, params: JsonObject = {}): PlannedStep {
  return { kind, params };
}

export type RunStatus =
  | 'queued'
  | 'running'
  | 'undoing'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'superseded'
  | 'stuck';
export type StepStatus = 'pending' | 'running' | 'done' | 'failed' | 'undoing' | 'undone';
/** How a run can end; `stuck` waits for a person. */
export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'stuck';
