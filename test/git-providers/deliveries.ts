/** Hooks, really delivered. */
import { randomUUID } from 'node:crypto';
import type { Delivery, Dialect, HookEvent } from './dialect.js';
import type { Hook, Repository } from './repository.js';

/** What providers wait for is 5 to 10 s; tests have less patience. */
const DEADLINE_MS = 10_000;

export class Deliveries {
  readonly log: Delivery[] = [];
  private readonly open = new Set<Promise<unknown>>();

  constructor(
    private readonly dialect: Dialect,
    private readonly allowedHosts: () => '*' | 'external',
  ) {}

  /** To all hooks that want to know; returns before they have been told. */
  send(repository: Repository, events: HookEvent[]): void {
    for (const event of events)
      for (const hook of repository.hooks)
        if (hook.active && hook.disabledUntil === null && hook.events.includes(event.subscription))
          this.track(this.deliver(repository, hook, event));
  }

  /** With the provider's retries. @returns the last attempt */
  async deliver(_repository: Repository, hook: Hook, event: HookEvent): Promise<Delivery> {
    const id = randomUUID();
    for (let attempt = 1; ; attempt++) {
      const delivery = await this.attempt(id, hook, event, attempt);
      if (this.dialect.triesAgain(attempt, delivery.status)) continue;
      hook.lastStatus = delivery.status;
      this.dialect.settled?.(hook, delivery.status);
      return delivery;
    }
  }

  async redeliver(id: string): Promise<void> {
    const known = this.log.findLast((delivery) => delivery.id === id);
    if (!known) throw new Error(`no delivery ${id}`);
    const { hook, event, attempt } = known;
    // Gitea's replay is a new delivery; the others keep the id.
    const again = this.dialect.kind === 'gitea' ? randomUUID() : id;
    await this.track(this.attempt(again, hook, event, attempt + 1));
  }

  async settled(): Promise<void> {
    while (this.open.size > 0) await Promise.allSettled(this.open);
  }

  track<T>(work: Promise<T>): Promise<T> {
    this.open.add(work);
    const done = () => this.open.delete(work);
    work.then(done, done);
    return work;
  }

  private async attempt(id: string, hook: Hook, event: HookEvent, attempt: number): Promise<Delivery> {
    const body = Buffer.from(JSON.stringify(event.body));
    const headers = {
      'content-type': 'application/json',
      ...this.dialect.sign({ id, hook, event, attempt }, body),
    };
    const delivery: Delivery = { id, hook, event, attempt, headers, status: null, error: null };
    if (body.length > this.dialect.largestPayload) return delivery;
    this.log.push(delivery);
    return Object.assign(delivery, await this.post(hook.url, headers, body));
  }

  private async post(url: string, headers: Record<string, string>, body: Buffer) {
    const { hostname } = new URL(url);
    if (this.allowedHosts() === 'external' && /^(127\.|10\.|192\.168\.|localhost$)/.test(hostname))
      return {
        error: `webhook can only call allowed HTTP servers (check your webhook.ALLOWED_HOST_LIST setting), deny '${hostname}'`,
      };
    try {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const answer = await fetch(url, {
        method: 'POST',
        headers,
        body: new Uint8Array(body),
        redirect: 'manual',
        signal,
      });
      await answer.arrayBuffer();
      return { status: answer.status };
    } catch (error) {
      return { error: String(error) };
    }
  }
}
