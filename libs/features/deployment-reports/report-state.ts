/** What a deployment's state means to its commit, and when a failed report is made again. Pure. */
export type ReportState = 'pending' | 'success' | 'failure' | 'cancelled';

/** Seconds until the next attempt, after the first, the second, ...: about two hours. */
const DELAYS = [10, 30, 120, 300, 900, 1800, 3600];

export function stateOf({ status, startedAt }: { status: string; startedAt: Date | null }): ReportState {
  if (status === 'running') return 'success';
  if (status === 'failed') return 'failure';
  if (status === 'cancelled') return 'cancelled';
  // One that had been live was a success; one that only waited never ran.
  if (status === 'superseded') return startedAt ? 'success' : 'cancelled';
  return 'pending';
}

/** @param attempts failed so far, from 1. @param wanted by the provider, when it said so. @returns null: it is given up. */
export function reportDelay(attempts: number, wanted: number | null): number | null {
  const delay = DELAYS[attempts - 1];
  return delay === undefined ? null : Math.max(delay, wanted ?? 0);
}

/** Readers of a public repository see it: the code of an error, not its text. */
export function describe(
  state: ReportState,
  { status, errorCode }: { status: string; errorCode: string | null },
): string {
  if (state === 'pending') return status === 'pending' ? 'Waiting to be deployed.' : 'Being deployed.';
  if (state === 'success') return 'Deployed.';
  if (state === 'failure') return `The deployment failed${errorCode ? ` (${errorCode})` : ''}.`;
  return status === 'superseded' ? 'A newer deployment took its place.' : 'Cancelled.';
}
