/** Who sent it, by its headers, and how it is read. Pure. */
import type { IncomingHttpHeaders } from 'node:http';
import { Invalid } from '#platform/errors.js';
import type { Envelope, GitEvent, Sender } from '../git-event.js';
import type { Json } from '../payload.js';
import { bitbucketEvent } from './bitbucket.js';
import { giteaEvent } from './gitea.js';
import { githubEvent } from './github.js';
import { gitlabEvent } from './gitlab.js';

const READERS: Record<Sender, (event: string, body: Json) => GitEvent> = {
  github: githubEvent,
  gitlab: gitlabEvent,
  bitbucket: bitbucketEvent,
  gitea: giteaEvent,
};

export function eventOf({ sender, event }: Envelope, body: Json): GitEvent {
  return READERS[sender](event, body);
}

const LONGEST_ID = 200;

/** Gitea and Forgejo first: they send GitHub's headers, too. @throws Invalid `webhook_sender_unknown`. */
export function envelopeOf(headers: IncomingHttpHeaders): Envelope {
  const one = (...names: string[]): string | null => {
    const value = names.map((name) => headers[name]).find((found) => typeof found === 'string' && found !== '');
    return typeof value === 'string' ? value.slice(0, LONGEST_ID) : null;
  };
  const gitea = one('x-forgejo-event-type', 'x-gitea-event-type', 'x-forgejo-event', 'x-gitea-event');
  if (gitea) {
    const proof = one('x-forgejo-signature', 'x-gitea-signature');
    const deliveryId = one('x-forgejo-delivery', 'x-gitea-delivery');
    return { sender: 'gitea', event: gitea, deliveryId, proof: proof ? { kind: 'hmac', value: proof } : null };
  }
  const github = one('x-github-event');
  if (github) {
    return {
      sender: 'github',
      event: github,
      deliveryId: one('x-github-delivery'),
      proof: prefixed(one('x-hub-signature-256')),
    };
  }
  const gitlab = one('x-gitlab-event');
  if (gitlab) {
    const token = headers['x-gitlab-token'];
    const deliveryId = one('idempotency-key', 'x-gitlab-event-uuid');
    const proof = typeof token === 'string' && token !== '' ? ({ kind: 'token', value: token } as const) : null;
    return { sender: 'gitlab', event: gitlab, deliveryId, proof };
  }
  const bitbucket = one('x-event-key');
  if (bitbucket) {
    return {
      sender: 'bitbucket',
      event: bitbucket,
      deliveryId: one('x-request-uuid'),
      proof: prefixed(one('x-hub-signature')),
    };
  }
  throw new Invalid(
    'webhook_sender_unknown',
    'This is no webhook of GitHub, GitLab, Bitbucket, Gitea or Forgejo. From a CI, call the deploy hook of the service instead.',
  );
}

function prefixed(header: string | null): Envelope['proof'] {
  return header?.startsWith('sha256=') ? { kind: 'hmac', value: header.slice('sha256='.length) } : null;
}
