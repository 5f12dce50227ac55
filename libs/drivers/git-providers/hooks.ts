/** One hook per repository and URL, whatever the provider calls its fields. */
import { isDeepStrictEqual } from 'node:util';
import type { HookCheck, HookEvent, HookSpec } from './port.js';

/** A hook as the provider has it. */
export interface FoundHook {
  id: string;
  url: string;
  active: boolean;
  /** The provider's words, without order. */
  events: string[];
  lastDelivery: HookCheck['lastDelivery'];
}

export interface HookStore {
  list(): Promise<FoundHook[]>;
  create(spec: HookSpec): Promise<string>;
  update(id: string, spec: HookSpec): Promise<void>;
  remove(id: string): Promise<void>;
  /** Our events in the provider's words. */
  words(events: HookEvent[]): string[];
}

type Wanted = Pick<HookSpec, 'id' | 'url' | 'events'>;

export async function ensureHook(store: HookStore, spec: HookSpec) {
  const [hook, ...others] = ours(await store.list(), spec);
  for (const { id } of others) await store.remove(id);
  if (!hook) return { id: await store.create(spec), state: 'created' as const };
  if (!spec.renew && fits(store, hook, spec)) return { id: hook.id, state: 'unchanged' as const };
  await store.update(hook.id, spec);
  return { id: hook.id, state: 'repaired' as const };
}

export async function checkHook(store: HookStore, wanted: Wanted): Promise<HookCheck> {
  const [hook, ...others] = ours(await store.list(), wanted);
  if (!hook) return { state: 'missing', id: null, lastDelivery: null };
  const { id, lastDelivery, active } = hook;
  if (!active) return { state: 'disabled', id, lastDelivery };
  return { state: others.length === 0 && fits(store, hook, wanted) ? 'ok' : 'different', id, lastDelivery };
}

/** The known one first, then the oldest with our URL. */
function ours(hooks: FoundHook[], { id, url }: Wanted): FoundHook[] {
  const found = hooks.filter((hook) => hook.id === id || hook.url === url);
  return found.sort((a, b) => Number(b.id === id) - Number(a.id === id));
}

function fits(store: HookStore, hook: FoundHook, { url, events }: Wanted): boolean {
  return hook.active && hook.url === url && isDeepStrictEqual([...hook.events].sort(), store.words(events).sort());
}
