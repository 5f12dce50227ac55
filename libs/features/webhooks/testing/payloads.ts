/**
 * Deliveries as the four senders' documentation shows them, cut to what is told apart, with the values of a test put in. Sources are named in
 * ../senders. `signed` adds the headers that prove them.
 */
import { createHmac, randomUUID } from 'node:crypto';
import type { Sender } from '../git-event.js';

export const ZERO = '0'.repeat(40);

export interface Push {
  /** `owner/name` */
  repository: string;
  /** Default `refs/heads/main`. */
  ref?: string;
  /** Null: the ref is new. */
  before?: string | null;
  /** Null: deleted. */
  after: string | null;
  message?: string;
  forced?: boolean;
  /** Bytes of commit messages beside the one that counts. */
  padding?: number;
}

export interface Delivery {
  headers: Record<string, string>;
  body: string;
}

const AUTHOR = { name: 'Mona Lisa', email: 'mona@example.com', username: 'mona' };

function filler(bytes = 0) {
  const size = 2000;
  return Array.from({ length: Math.ceil(bytes / size) }, (_, index) => ({
    id: index.toString(16).padStart(40, 'f'),
    message: `Commit ${index} "quoted" \\ ünïcode \u2028 ${'x'.repeat(size - 60)}`,
    timestamp: '2026-05-05T12:00:00+02:00',
    author: AUTHOR,
    added: [],
    removed: [],
    modified: ['README.md'],
  }));
}

const full = (push: Push) => ({ ref: 'refs/heads/main', before: null, message: 'A commit', ...push });

/** https://docs.github.com/en/webhooks/webhook-events-and-payloads#push */
function github(push: Push, clone: string) {
  const { ref, before, after, message, repository, forced, padding } = full(push);
  const commit = {
    id: after,
    tree_id: 'c'.repeat(40),
    distinct: true,
    message,
    timestamp: '2026-05-05T12:00:00+02:00',
    author: AUTHOR,
  };
  return {
    ref,
    before: before ?? ZERO,
    after: after ?? ZERO,
    repository: {
      id: 1,
      name: repository.split('/')[1],
      full_name: repository,
      private: false,
      clone_url: clone,
      default_branch: 'main',
    },
    pusher: { name: 'mona', email: 'mona@example.com' },
    sender: { login: 'mona', id: 1 },
    created: before === null,
    deleted: after === null,
    forced: forced ?? false,
    base_ref: null,
    compare: `${clone}/compare`,
    commits: after ? [...filler(padding), commit] : [],
    head_commit: after ? commit : null,
  };
}

/** https://docs.gitea.com/usage/webhooks#event-information */
function gitea(push: Push, clone: string) {
  const { deleted: _deleted, created: _created, base_ref: _base, forced: _forced, ...shared } = github(push, clone);
  return { ...shared, compare_url: `${clone}/compare`, total_commits: shared.commits.length };
}

/** https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events; at most 20 commits, the oldest first. */
function gitlab(push: Push, clone: string) {
  const { ref, before, after, message, repository, padding } = full(push);
  const commits = after
    ? [
        ...filler(padding),
        {
          id: after,
          message,
          title: message.split('\n')[0],
          timestamp: '2026-05-05T12:00:00+02:00',
          url: '',
          author: AUTHOR,
          added: [],
          modified: [],
          removed: [],
        },
      ]
    : [];
  return {
    object_kind: ref.startsWith('refs/tags/') ? 'tag_push' : 'push',
    event_name: ref.startsWith('refs/tags/') ? 'tag_push' : 'push',
    before: before ?? ZERO,
    after: after ?? ZERO,
    ref,
    ref_protected: true,
    checkout_sha: after,
    message: null,
    user_username: 'mona',
    project: {
      id: 15,
      name: repository,
      path_with_namespace: repository,
      default_branch: 'main',
      git_http_url: clone,
      web_url: clone,
    },
    commits: commits.slice(-20),
    total_commits_count: commits.length,
  };
}

/** https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Push; at most 5 commits, the newest first, no files. */
function bitbucketChange(push: Push) {
  const { ref, before, after, message, forced, padding } = full(push);
  const side = (hash: string | null) =>
    hash && {
      type: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
      name: ref.replace(/^refs\/(heads|tags)\//, ''),
      target: { type: 'commit', hash, message, author: { type: 'author', raw: 'Mona <mona@example.com>' } },
    };
  const commits = after
    ? [
        { hash: after, type: 'commit', message },
        ...filler(padding).map(({ id, message }) => ({ hash: id, type: 'commit', message })),
      ]
    : [];
  return {
    old: side(before),
    new: side(after),
    created: before === null,
    closed: after === null,
    forced: forced ?? false,
    commits: commits.slice(0, 5),
    truncated: commits.length > 5,
  };
}

function bitbucket(pushes: Push[], clone: string) {
  const name = pushes[0]?.repository ?? '';
  return {
    push: { changes: pushes.map(bitbucketChange) },
    actor: { type: 'user', nickname: 'mona' },
    repository: { type: 'repository', full_name: name, name: name.split('/')[1], links: { html: { href: clone } } },
  };
}

/** One push; Bitbucket alone can report several refs in one delivery. */
export function pushDelivery(sender: Sender, secret: string, clone: string, ...pushes: [Push, ...Push[]]): Delivery {
  const [push] = pushes;
  const isTag = push.ref?.startsWith('refs/tags/') ?? false;
  if (sender === 'github') return signed(sender, secret, 'push', github(push, clone));
  if (sender === 'gitea') return signed(sender, secret, 'push', gitea(push, clone));
  if (sender === 'gitlab') return signed(sender, secret, isTag ? 'Tag Push Hook' : 'Push Hook', gitlab(push, clone));
  return signed(sender, secret, 'repo:push', bitbucket(pushes, clone));
}

/** With the headers of the sender, its id new unless given. */
export function signed(
  sender: Sender,
  secret: string,
  event: string,
  content: unknown,
  id: string = randomUUID(),
): Delivery {
  const body = JSON.stringify(content);
  const hmac = createHmac('sha256', secret).update(body).digest('hex');
  const json = { 'content-type': 'application/json' };
  const headers: Record<Sender, Record<string, string>> = {
    github: {
      'user-agent': 'GitHub-Hookshot/044aadd',
      'x-github-event': event,
      'x-github-delivery': id,
      'x-hub-signature-256': `sha256=${hmac}`,
    },
    gitea: {
      'x-gitea-event': event,
      'x-gitea-event-type': event,
      'x-gitea-delivery': id,
      'x-gitea-signature': hmac,
      'x-github-event': event,
      'x-github-delivery': id,
      'x-hub-signature-256': `sha256=${hmac}`,
      'x-gogs-event': event,
    },
    gitlab: {
      'user-agent': 'GitLab/18.0',
      'x-gitlab-event': event,
      'x-gitlab-token': secret,
      'idempotency-key': id,
      'x-gitlab-event-uuid': randomUUID(),
      'x-gitlab-webhook-uuid': randomUUID(),
    },
    bitbucket: {
      'user-agent': 'Bitbucket-Webhooks/2.0',
      'x-event-key': event,
      'x-request-uuid': id,
      'x-hook-uuid': randomUUID(),
      'x-attempt-number': '1',
      'x-hub-signature': `sha256=${hmac}`,
    },
  };
  return { headers: { ...json, ...headers[sender] }, body };
}

export interface Pull {
  repository: string;
  number: number;
  action: 'opened' | 'updated' | 'closed';
  commit: string;
  /** `owner/name` of a fork. */
  fork?: string;
}

export function pullDelivery(
  sender: Sender,
  secret: string,
  { repository, number, action, commit, fork }: Pull,
): Delivery {
  const from = fork ?? repository;
  if (sender === 'github' || sender === 'gitea') {
    const word = { opened: 'opened', updated: sender === 'github' ? 'synchronize' : 'synchronized', closed: 'closed' }[
      action
    ];
    const head = { ref: 'feature', sha: commit, repo: { full_name: from, fork: from !== repository } };
    const base = { ref: 'main', sha: 'b'.repeat(40), repo: { full_name: repository } };
    const pull = {
      number,
      title: 'A feature',
      html_url: `https://example.com/pulls/${number}`,
      merged: action === 'closed',
      user: { login: 'mona' },
      head,
      base,
    };
    const event = sender === 'gitea' && action === 'updated' ? 'pull_request_sync' : 'pull_request';
    return signed(sender, secret, event, {
      action: word,
      number,
      pull_request: pull,
      repository: { full_name: repository },
    });
  }
  if (sender === 'gitlab') {
    const attributes = {
      iid: number,
      action: { opened: 'open', updated: 'update', closed: 'merge' }[action],
      state: action === 'closed' ? 'merged' : 'opened',
      title: 'A feature',
      url: `https://example.com/-/merge_requests/${number}`,
      source_branch: 'feature',
      target_branch: 'main',
      source_project_id: fork ? 99 : 15,
      target_project_id: 15,
      last_commit: { id: commit },
      source: { path_with_namespace: from },
      target: { path_with_namespace: repository },
      ...(action === 'updated' ? { oldrev: 'd'.repeat(40) } : {}),
    };
    return signed(sender, secret, 'Merge Request Hook', {
      object_kind: 'merge_request',
      user: { username: 'mona' },
      project: { path_with_namespace: repository },
      object_attributes: attributes,
    });
  }
  const side = (name: string, branch: string, hash: string) => ({
    branch: { name: branch },
    commit: { hash },
    repository: { full_name: name },
  });
  const pull = {
    id: number,
    title: 'A feature',
    state: action === 'closed' ? 'MERGED' : 'OPEN',
    author: { nickname: 'mona' },
    source: side(from, 'feature', commit.slice(0, 12)),
    destination: side(repository, 'main', 'b'.repeat(12)),
    links: { html: { href: `https://example.com/pull-requests/${number}` } },
  };
  const event = { opened: 'pullrequest:created', updated: 'pullrequest:updated', closed: 'pullrequest:fulfilled' }[
    action
  ];
  return signed(sender, secret, event, {
    repository: { full_name: repository },
    actor: { nickname: 'mona' },
    pullrequest: pull,
  });
}
