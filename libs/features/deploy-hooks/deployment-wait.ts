/** Follows a deployment until it is live or has failed. */
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { type BuildEvent, BuildLines, type DeploymentProgress } from '#features/logs/index.js';
import { AppError, Unavailable } from '#platform/errors.js';
import type { EventSource, ServerEvent } from '#platform/http/index.js';

/** It ended otherwise than live. */
export class DeploymentFailed extends AppError {
  readonly status = 422;
}

export interface Ending {
  live: boolean;
  status: string;
  /** Why it is not live. */
  error: string | null;
}

@Injectable()
export class DeploymentWait implements OnModuleDestroy {
  private readonly stop = new AbortController();

  constructor(private readonly lines: BuildLines) {}

  /** @throws DeploymentFailed `deployment_failed`, `deployment_superseded`, `deployment_cancelled`, `deployment_stuck`; Unavailable `wait_interrupted`. */
  async untilLive(deploymentId: string, gone: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([gone, this.stop.signal]);
    for await (const event of this.lines.follow(deploymentId, null, isEnded, signal)) {
      const ending = event.kind === 'progress' ? endingOf(event.progress) : null;
      if (ending?.live) return;
      if (ending) throw failure(ending, deploymentId);
    }
    throw new Unavailable('wait_interrupted', `The platform is restarting; deployment ${deploymentId} goes on.`, {
      details: { deployment_id: deploymentId },
    });
  }

  onModuleDestroy(): void {
    this.stop.abort();
  }

  /** Events `status` and `log`, and as the last one `live` or `failed`. */
  events(deploymentId: string): EventSource {
    const { lines } = this;
    return async function* (signal: AbortSignal): AsyncGenerator<ServerEvent> {
      yield { event: 'deployment', data: JSON.stringify({ id: deploymentId }) };
      for await (const event of lines.follow(deploymentId, 0n, isEnded, signal)) yield* told(event, deploymentId);
    };
  }
}

function* told(event: BuildEvent, deploymentId: string): Generator<ServerEvent> {
  if (event.kind === 'lines') {
    for (const { message } of event.lines) yield { event: 'log', data: message };
    return;
  }
  const ending = endingOf(event.progress);
  yield { event: 'status', data: JSON.stringify({ status: event.progress.status }) };
  if (ending?.live) yield { event: 'live', data: JSON.stringify({ deployment_id: deploymentId }) };
  else if (ending) {
    const { code, message, details } = failure(ending, deploymentId);
    yield { event: 'failed', data: JSON.stringify({ error: message, code, details }) };
  }
}

const isEnded = (progress: DeploymentProgress): boolean => endingOf(progress) !== null;

/** Null while it goes on. */
export function endingOf({ status, error, stuck, wasLive }: DeploymentProgress): Ending | null {
  if (wasLive) return { live: true, status, error: null };
  if (stuck) return { live: false, status: 'stuck', error: stuck };
  if (!['superseded', 'cancelled', 'failed'].includes(status)) return null;
  const words = { superseded: 'A newer deployment has taken its place.', cancelled: 'It was cancelled.' };
  return { live: false, status, error: words[status as keyof typeof words] ?? error };
}

function failure({ status, error }: Ending, deploymentId: string): DeploymentFailed {
  const message = `The deployment is not live: ${error ?? 'it failed'}`;
  return new DeploymentFailed(`deployment_${status}`, message, { details: { deployment_id: deploymentId } });
}
