/**
 * "Something about this topic changed": Redis publish/subscribe for those who follow a deployment live. Messages carry nothing that
 * matters; who hears one reads PostgreSQL. Whoever waits also wakes up by itself, so a lost message costs a moment.
 */

import { EventEmitter } from 'node:events';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { REDIS, type Redis } from './redis.js';

const CHANNEL = 'containr:changed';

@Injectable()
export class Bus implements OnModuleDestroy {
  private readonly topics = new EventEmitter().setMaxListeners(0);
  private subscriber: Redis | null = null;

  constructor(@Inject(REDIS) private readonly redis: Redis) {}

  /** Never throws, never waits. */
  publish(topic: string): void {
    this.topics.emit(topic);
    this.redis.publish(CHANNEL, topic).catch(() => undefined); // see the head of this file
  }

  /** Resolves at the next change of the topic, after `ms`, or when the signal aborts. */
  next(topic: string, ms: number, signal: AbortSignal): Promise<void> {
    this.listen();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.topics.off(topic, done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.topics.once(topic, done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  onModuleDestroy(): void {
    this.subscriber?.disconnect();
  }

  private listen(): void {
    if (this.subscriber) return;
    this.subscriber = this.redis.duplicate();
    this.subscriber.on('error', () => undefined); // the shared connection reports the same
    this.subscriber.on('message', (_channel: string, topic: string) => this.topics.emit(topic));
    // ioredis subscribes again by itself after a reconnect (autoResubscribe).
    this.subscriber.on('ready', () => void this.subscriber?.subscribe(CHANNEL).catch(() => undefined));
    this.subscriber.connect().catch(() => undefined);
  }
}
