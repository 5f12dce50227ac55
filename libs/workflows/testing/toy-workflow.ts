/** A workflow whose steps write into a set what they made: enough to see whether anything is lost, doubled or left behind. */
import { step } from '../plan.js';
import { type RunFailure, type StepKind, stepKind, type Workflow, WorkflowRegistry } from '../workflow.js';

export interface Toy {
  registry: WorkflowRegistry;
  /** What exists outside the process now. */
  world: Set<string>;
  /** Every call, e.g. `do b`, `undo a`. */
  calls: string[];
  ended: { outcome: string; failure: RunFailure | null }[];
  /** Called inside `do` of a step, before and after its effect. */
  hook: (step: string, moment: 'before' | 'after', signal: AbortSignal) => Promise<void> | void;
  /** Called at the head of each undo. */
  undoHook: (step: string) => void;
}

/** Steps a, b, c can be undone; `end` is past the point of no return. */
export const TOY_STEPS = ['a', 'b', 'c', 'end'];

export function toyWorkflow(): Toy {
  const toy: Toy = {
    registry: new WorkflowRegistry(),
    world: new Set(),
    calls: [],
    ended: [],
    hook: () => undefined,
    undoHook: () => undefined,
  };
  const workflow: Workflow = {
    name: 'toy',
    plan: async () => TOY_STEPS.map((name) => step(name, { name })),
    finished: async (_tx, _run, outcome, failure) => void toy.ended.push({ outcome, failure }),
  };
  toy.registry.register(
    workflow,
    TOY_STEPS.map((name) => kindOf(toy, name)),
  );
  return toy;
}

function kindOf(toy: Toy, name: string): StepKind {
  const last = name === 'end';
  return stepKind<{ name: string }, { made: string }>({
    kind: name,
    deadlineMs: 3000,
    forwardOnly: last,
    do: async (ctx) => {
      toy.calls.push(`do ${name}`);
      await toy.hook(name, 'before', ctx.signal);
      toy.world.add(name);
      await toy.hook(name, 'after', ctx.signal);
      return { made: name };
    },
    ...(last
      ? {}
      : {
          undo: async () => {
            toy.calls.push(`undo ${name}`);
            toy.undoHook(name);
            toy.world.delete(name);
          },
        }),
  });
}
