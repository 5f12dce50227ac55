/** What makes one provider different from another. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Hook, Json, Pull, RefChange, Repository, User } from './repository.js';
import type { StandIn } from './stand-in.js';

export interface Reply {
  status: number;
  body?: Json;
  headers?: Record<string, string>;
}

export interface Call {
  standIn: StandIn;
  user: User;
  /** False: Bitbucket's access tokens. */
  mayReadUser: boolean;
  /** Groups of the route's pattern, decoded. */
  params: string[];
  query: URLSearchParams;
  body: Json;
  /** Address that was asked, without its query. */
  url: string;
}

export type Route = [method: string, path: RegExp, answer: (call: Call) => Reply | Promise<Reply>];

/** One thing that hooks are told about. */
export interface HookEvent {
  /** Word that a hook subscribes to. */
  subscription: string;
  /** Word in the header. */
  name: string;
  body: Json;
}

export interface Delivery {
  id: string;
  hook: Hook;
  event: HookEvent;
  attempt: number;
  headers: Record<string, string>;
  /** What the receiver answered; null: nothing. */
  status: number | null;
  error: string | null;
}

export interface Dialect {
  kind: 'github' | 'gitlab' | 'bitbucket' | 'gitea';
  /** Path of the API below the web address. */
  api: string;
  routes: Route[];
  /** Token of an API request, and the e-mail address it came with. */
  tokenOf(headers: IncomingHttpHeaders): { token: string; email?: string } | null;
  /** User name that git must send with a token; null = any. */
  gitUser: string | null;
  /** Sends ETags with GET answers. */
  etags: boolean;
  unauthorized: Reply;
  notFound: Reply;
  /** Headers that tell how many requests are left. */
  rateHeaders(limit: number, left: number, resetAt: number): Record<string, string>;
  limited(seconds: number): Reply;
  /** Events of one `git push`. */
  pushed(repository: Repository, changes: RefChange[], pusher: User, standIn: StandIn): Promise<HookEvent[]>;
  pullChanged(repository: Repository, pull: Pull, action: PullAction, standIn: StandIn): HookEvent[];
  /** Headers of a delivery, signature included. @param id what the provider calls this event at every attempt */
  sign(delivery: { id: string; hook: Hook; event: HookEvent; attempt: number }, body: Buffer): Record<string, string>;
  /** Bytes; larger payloads are silently not sent. */
  largestPayload: number;
  /** True: tried again by itself after this answer (null: none). */
  triesAgain(attempt: number, status: number | null): boolean;
  /** After a delivery and its retries. */
  settled?(hook: Hook, status: number | null): void;
}

export type PullAction = 'opened' | 'updated' | 'closed';

export const reply = (status: number, body?: Json, headers?: Record<string, string>): Reply => ({
  status,
  body,
  headers,
});
