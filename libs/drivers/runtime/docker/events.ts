/** Changes of our containers, for as long as anybody listens. */
import type { Owner, RuntimeEvent } from '../port.js';
import type { EngineClient } from './client.js';
import { pause } from './deadline.js';
import { jsonLines } from './json-lines.js';
import { LABEL, ownerFilter } from './labels.js';
import type { WireEvent } from './wire.js';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
const LOST: RuntimeEvent = { kind: 'lost', name: '', service: null };

const KINDS: Record<string, RuntimeEvent['kind']> = { start: 'started', die: 'died', destroy: 'removed' };

/** `lost` comes after the connection is back: what is compared then is not outdated before the first event arrives. */
export async function* runtimeEvents(
  engine: EngineClient,
  owner: Owner,
  signal: AbortSignal,
): AsyncGenerator<RuntimeEvent> {
  const filters = { type: ['container'], event: ['start', 'die', 'destroy', 'health_status'], ...ownerFilter(owner) };
  const request = { method: 'GET', path: '/events', query: { filters }, signal } as const;
  let retryMs = FIRST_RETRY_MS;
  let interrupted = false;
  while (!signal.aborted) {
    try {
      const stream = await engine.stream(request);
      if (interrupted) yield LOST;
      retryMs = FIRST_RETRY_MS;
      for await (const event of jsonLines<WireEvent>(stream)) yield* runtimeEvent(event);
    } catch {
      // An interruption of any kind has one answer: connect again and say `lost`. An engine that stays away shows in `ping`.
    }
    interrupted = true;
    if (!(await pause(retryMs, signal))) return;
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  }
}

function* runtimeEvent({ Action, Actor }: WireEvent): Generator<RuntimeEvent> {
  const kind = Action.startsWith('health_status') ? 'health' : KINDS[Action];
  if (!kind) return;
  yield { kind, name: Actor.Attributes.name ?? '', service: Actor.Attributes[LABEL.service] ?? null };
}
