/** What the pusher reads while the deployment goes on, in the manner of Heroku. Pure. */
import type { DeploymentProgress } from '#features/logs/index.js';

export interface Outcome {
  ok: boolean;
  /** Shown by git after the ref's name. */
  reason?: string;
}

export const heading = (text: string): string => `-----> ${text}`;
export const detail = (text: string): string => `       ${text}`;

/** The heading of a state, null for one that says nothing new. */
export function announce(status: string, service: string): string | null {
  if (status === 'pending') return heading('Waiting for its turn');
  if (status === 'building') return heading(`Building ${service}`);
  return status === 'deploying' ? heading('Deploying') : null;
}

/** Null while it goes on. */
export function outcomeOf({ status, error, stuck, wasLive }: DeploymentProgress): Outcome | null {
  if (wasLive) return { ok: true };
  if (stuck) return { ok: false, reason: `clean-up of the failed deployment needs a decision: ${stuck}` };
  if (status === 'superseded') return { ok: false, reason: 'superseded by a newer deployment' };
  if (status === 'cancelled') return { ok: false, reason: 'deployment cancelled' };
  return status === 'failed' ? { ok: false, reason: error ?? 'deployment failed' } : null;
}

/** The last lines the pusher sees. */
export function farewell({ ok, reason }: Outcome, url: string | null): string[] {
  if (!ok) return ['', `  !    Push refused: ${reason}`, ''];
  return ['', heading(url ? `Live: ${url}` : 'Live'), ''];
}
