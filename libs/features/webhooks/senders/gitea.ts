/** Gitea and Forgejo. https://docs.gitea.com/usage/webhooks. The fields of a payload are GitHub's; new pushes to a pull request are `pull_request_sync`. */
import type { GitEvent } from '../git-event.js';
import { type Json, text } from '../payload.js';
import { pullRequest, pushed } from './github.js';

/** Also `pull_request_sync` of X-Gitea-Event-Type; what is about labels, reviews and assignees changes no code. */
const PULL = new Set(['pull_request', 'pull_request_sync']);

export function giteaEvent(event: string, body: Json): GitEvent {
  const repository = text(body, 'repository.full_name');
  if (event === 'push') return { kind: 'push', repository, changes: pushed(body) };
  const pull = PULL.has(event) ? pullRequest(body) : null;
  return pull ? { kind: 'pull_request', repository, pull } : { kind: 'other', name: event };
}
