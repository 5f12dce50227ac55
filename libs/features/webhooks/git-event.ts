/** What the senders' payloads say, in one form: only what we act on. It is stored as the delivery's payload. */

export interface RefChange {
  /** `refs/heads/...` or `refs/tags/...` */
  ref: string;
  /** Null: the ref is new. */
  before: string | null;
  /** Null: the ref was deleted. Of an annotated tag it may be the tag's own object. */
  after: string | null;
  /** Whole message of the newest commit; null when the sender does not say. */
  message: string | null;
}

export interface PullRequestChange {
  number: number;
  /** `updated`: its head has moved. `edited`: anything else about it. */
  action: 'opened' | 'updated' | 'reopened' | 'edited' | 'closed';
  merged: boolean;
  title: string;
  /** Login of who opened it. */
  author: string | null;
  url: string | null;
  head: { ref: string; commit: string; repository: string | null };
  base: { ref: string };
  /** Its head is in another repository, or in one that is gone. */
  isFork: boolean;
}

export type GitEvent =
  | { kind: 'ping' }
  | { kind: 'push'; repository: string | null; changes: RefChange[] }
  | { kind: 'pull_request'; repository: string | null; pull: PullRequestChange }
  /** Nothing for us. */
  | { kind: 'other'; name: string };

export type Sender = 'github' | 'gitlab' | 'bitbucket' | 'gitea';

/** What every sender says in its headers. */
export interface Envelope {
  sender: Sender;
  /** The sender's word for the event. */
  event: string;
  /** The same when the sender tries again; null when it has none. */
  deliveryId: string | null;
  /** `hmac`: hex of HMAC-SHA256 over the raw body. `token`: the secret itself. Null: nothing that proves who sent it. */
  proof: { kind: 'hmac' | 'token'; value: string } | null;
}

const ZERO = /^0+$/;

/** A commit id as payloads give it: zeros mean that there is none. */
export function commitOrNull(value: unknown): string | null {
  return typeof value === 'string' && /^[0-9a-f]{7,64}$/i.test(value) && !ZERO.test(value) ? value.toLowerCase() : null;
}
