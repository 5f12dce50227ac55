/** Bitbucket Cloud. https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/. One push may change several refs; no payload names files. */
import { commitOrNull, type GitEvent, type PullRequestChange, type RefChange } from '../git-event.js';
import { at, count, type Json, list, text } from '../payload.js';

const ACTIONS: Record<string, PullRequestChange['action']> = {
  'pullrequest:created': 'opened',
  // Also sent for a changed title: whoever handles it compares the head.
  'pullrequest:updated': 'updated',
  'pullrequest:fulfilled': 'closed',
  'pullrequest:rejected': 'closed',
};

export function bitbucketEvent(event: string, body: Json): GitEvent {
  if (event === 'diagnostics:ping') return { kind: 'ping' };
  const repository = text(body, 'repository.full_name');
  if (event === 'repo:push') return { kind: 'push', repository, changes: list(body, 'push.changes').flatMap(changed) };
  const action = ACTIONS[event];
  const pull = action ? pullRequest(body, action) : null;
  return pull ? { kind: 'pull_request', repository, pull } : { kind: 'other', name: event };
}

function changed(change: Json): RefChange[] {
  const side = at(change, 'new') ?? at(change, 'old');
  const [type, name] = [text(side, 'type'), text(side, 'name')];
  const folder = type === 'tag' || type === 'annotated_tag' ? 'tags' : type === 'branch' ? 'heads' : null;
  if (!folder || !name) return [];
  const after = commitOrNull(at(change, 'new.target.hash'));
  const before = commitOrNull(at(change, 'old.target.hash'));
  return [{ ref: `refs/${folder}/${name}`, before, after, message: after && text(change, 'new.target.message') }];
}

/** Commits are given by their first 12 digits. */
function pullRequest(body: Json, action: PullRequestChange['action']): PullRequestChange | null {
  const number = count(body, 'pullrequest.id');
  const commit = commitOrNull(at(body, 'pullrequest.source.commit.hash'));
  const [head, base] = [
    text(body, 'pullrequest.source.branch.name'),
    text(body, 'pullrequest.destination.branch.name'),
  ];
  if (!number || !commit || !head || !base) return null;
  const from = text(body, 'pullrequest.source.repository.full_name');
  return {
    number,
    action,
    merged: text(body, 'pullrequest.state') === 'MERGED',
    title: text(body, 'pullrequest.title') ?? '',
    author: text(body, 'pullrequest.author.nickname'),
    url: text(body, 'pullrequest.links.html.href'),
    head: { ref: head, commit, repository: from },
    base: { ref: base },
    isFork: from === null || from !== text(body, 'pullrequest.destination.repository.full_name'),
  };
}
