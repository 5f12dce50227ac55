/**
 * GitLab. https://docs.gitlab.com/user/project/integrations/webhook_events/. At most the newest 20 commits are in a payload; a push of more
 * than three refs at once sends none at all (`push_event_hooks_limit`): looking at the refs finds it.
 */
import { commitOrNull, type GitEvent, type PullRequestChange, type RefChange } from '../git-event.js';
import { at, count, type Json, list, text } from '../payload.js';

export function gitlabEvent(event: string, body: Json): GitEvent {
  const repository = text(body, 'project.path_with_namespace');
  if (event === 'Push Hook' || event === 'Tag Push Hook') return { kind: 'push', repository, changes: pushed(body) };
  const pull = event === 'Merge Request Hook' ? mergeRequest(body) : null;
  return pull ? { kind: 'pull_request', repository, pull } : { kind: 'other', name: event };
}

function pushed(body: Json): RefChange[] {
  const ref = text(body, 'ref');
  if (!ref?.startsWith('refs/')) return [];
  // Of an annotated tag `after` is the tag's object, `checkout_sha` the commit.
  const after =
    commitOrNull(at(body, 'after')) && (commitOrNull(at(body, 'checkout_sha')) ?? commitOrNull(at(body, 'after')));
  const newest = list(body, 'commits').find((commit) => at(commit, 'id') === after);
  return [{ ref, before: commitOrNull(at(body, 'before')), after, message: newest ? text(newest, 'message') : null }];
}

/** `update` is also sent for a changed title; only with `oldrev` has the code changed. */
function actionOf(body: Json): PullRequestChange['action'] {
  const action = text(body, 'object_attributes.action');
  if (action === 'update') return text(body, 'object_attributes.oldrev') ? 'updated' : 'edited';
  return ({ open: 'opened', reopen: 'reopened', close: 'closed', merge: 'closed' } as const)[action ?? ''] ?? 'edited';
}

function mergeRequest(body: Json): PullRequestChange | null {
  const number = count(body, 'object_attributes.iid');
  const commit = commitOrNull(at(body, 'object_attributes.last_commit.id'));
  const head = text(body, 'object_attributes.source_branch');
  const base = text(body, 'object_attributes.target_branch');
  if (!number || !commit || !head || !base) return null;
  const source = at(body, 'object_attributes.source_project_id');
  return {
    number,
    action: actionOf(body),
    merged: text(body, 'object_attributes.state') === 'merged',
    title: text(body, 'object_attributes.title') ?? '',
    author: text(body, 'user.username'),
    url: text(body, 'object_attributes.url'),
    head: { ref: head, commit, repository: text(body, 'object_attributes.source.path_with_namespace') },
    base: { ref: base },
    isFork: source === undefined || source === null || source !== at(body, 'object_attributes.target_project_id'),
  };
}
