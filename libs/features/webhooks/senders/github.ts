/**
 * GitHub. https://docs.github.com/en/webhooks/webhook-events-and-payloads,
 * https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
 * A branch or tag that is made or deleted is a `push` too; `create` and `delete` only repeat it.
 */
import { commitOrNull, type GitEvent, type PullRequestChange, type RefChange } from '../git-event.js';
import { at, count, type Json, text } from '../payload.js';

export function githubEvent(event: string, body: Json): GitEvent {
  if (event === 'ping') return { kind: 'ping' };
  const repository = text(body, 'repository.full_name');
  if (event === 'push') return { kind: 'push', repository, changes: pushed(body) };
  if (event === 'pull_request') {
    const pull = pullRequest(body);
    if (pull) return { kind: 'pull_request', repository, pull };
  }
  return { kind: 'other', name: event };
}

/** Gitea and Forgejo send the same fields. */
export function pushed(body: Json): RefChange[] {
  const ref = text(body, 'ref');
  if (!ref?.startsWith('refs/')) return [];
  const after = at(body, 'deleted') === true ? null : commitOrNull(at(body, 'after'));
  const before = commitOrNull(at(body, 'before'));
  return [{ ref, before, after, message: after && headMessage(body) }];
}

/** Gitea before 1.17 has no `head_commit`; its list begins with the newest. */
function headMessage(body: Json): string | null {
  return text(body, 'head_commit.message');
}

const ACTIONS: Record<string, PullRequestChange['action']> = {
  opened: 'opened',
  synchronize: 'updated',
  synchronized: 'updated',
  reopened: 'reopened',
  closed: 'closed',
};

export function pullRequest(body: Json): PullRequestChange | null {
  const number = count(body, 'pull_request.number') ?? count(body, 'number');
  const commit = commitOrNull(at(body, 'pull_request.head.sha'));
  const [head, base] = [text(body, 'pull_request.head.ref'), text(body, 'pull_request.base.ref')];
  if (!number || !commit || !head || !base) return null;
  const from = text(body, 'pull_request.head.repo.full_name');
  const into = text(body, 'pull_request.base.repo.full_name') ?? text(body, 'repository.full_name');
  return {
    number,
    action: ACTIONS[text(body, 'action') ?? ''] ?? 'edited',
    merged: at(body, 'pull_request.merged') === true,
    title: text(body, 'pull_request.title') ?? '',
    author: text(body, 'pull_request.user.login'),
    url: text(body, 'pull_request.html_url'),
    head: { ref: head, commit, repository: from },
    base: { ref: base },
    isFork: from === null || from.toLowerCase() !== into?.toLowerCase(),
  };
}
