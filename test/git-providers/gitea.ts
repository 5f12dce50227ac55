/** Gitea: docs.gitea.com "API" and "Webhooks". */
import { type Call, type Dialect, type HookEvent, type PullAction, type Reply, type Route, reply } from './dialect.js';
import { hmac, linkHeader, newHook, pageOf } from './paging.js';
import {
  type Commit,
  commitsOf,
  countCommits,
  type Hook,
  type Json,
  type Pull,
  type RefChange,
  type Repository,
  type User,
  ZEROS,
} from './repository.js';
import type { StandIn } from './stand-in.js';

const notFound = reply(404, {
  errors: null,
  message: 'The target couldn’t be found.',
  url: 'http://gitea.example.test/api/swagger',
});

function route(
  method: string,
  path: string,
  answer: (call: Call, repository: Repository, ...params: string[]) => Reply | Promise<Reply>,
): Route {
  return [
    method,
    new RegExp(`^/repos/([^/]+/[^/]+)${path}$`),
    (call) => {
      const [fullName = '', ...params] = call.params;
      const repository = call.standIn.find(fullName, call.user);
      return repository ? answer(call, repository, ...params) : notFound;
    },
  ];
}

/** MAX_RESPONSE_ITEMS: no page is larger than 50. */
function listed<T>(call: Call, all: T[], view: (item: T) => Json): Reply {
  const page = pageOf(call, all, 'limit', 30, 50);
  return reply(200, page.items.map(view), { 'x-total-count': String(page.total), ...linkHeader(page) });
}

const byNumber = <T extends { id: number }>(all: T[], id: string | undefined) =>
  all.find((one) => one.id === Number(id));

const routes: Route[] = [
  ['GET', /^\/user$/, ({ user }) => reply(200, userView(user))],
  [
    'GET',
    /^\/user\/repos$/,
    async (call) => {
      const page = pageOf(call, call.standIn.visibleTo(call.user), 'limit', 30, 50);
      const views = await Promise.all(page.items.map((one) => repositoryView(call.standIn, one)));
      return reply(200, views, { 'x-total-count': String(page.total), ...linkHeader(page) });
    },
  ],
  route('GET', '', async ({ standIn }, repository) => reply(200, await repositoryView(standIn, repository))),
  route('GET', '/branches/(.+)', async (_call, repository, branch = '') => {
    const id = await repository.head(branch);
    return id ? reply(200, { name: branch, commit: { id } }) : notFound;
  }),
  route('GET', '/hooks', (call, { hooks }) => listed(call, hooks, hookView)),
  route('POST', '/hooks', ({ standIn, body }, { hooks }) => {
    if (body.type !== 'gitea') return reply(422, { message: `Invalid hook type: ${body.type}` });
    const { url, secret } = body.config;
    const hook = newHook(standIn.nextId(), '', { url, secret, events: body.events, active: body.active ?? false });
    hooks.push(hook);
    return reply(201, hookView(hook));
  }),
  route('PATCH', '/hooks/(\\d+)', ({ body }, { hooks }, id) => {
    const hook = byNumber(hooks, id);
    if (!hook) return notFound;
    const { url = hook.url, secret = hook.secret } = body.config ?? {};
    Object.assign(hook, { url, secret, events: body.events ?? hook.events, active: body.active ?? hook.active });
    return reply(200, hookView(hook));
  }),
  route('DELETE', '/hooks/(\\d+)', (_call, { hooks }, id) => {
    const hook = byNumber(hooks, id);
    if (!hook) return notFound;
    hooks.splice(hooks.indexOf(hook), 1);
    return reply(204);
  }),
  route('POST', '/hooks/(\\d+)/tests', async ({ standIn, user }, repository, id) => {
    const hook = byNumber(repository.hooks, id);
    if (!hook) return notFound;
    const after = (await repository.head(repository.defaultBranch)) ?? ZEROS;
    // Gitea's test is a push without a change.
    const change = { ref: `refs/heads/${repository.defaultBranch}`, before: after, after };
    const [event] = await pushed(repository, [change], user, standIn);
    standIn.sendLater(repository, hook, event as HookEvent);
    return reply(204);
  }),
  route('POST', '/statuses/([0-9a-f]{40})', ({ body }, repository, commit = '') => {
    if (!['pending', 'success', 'error', 'failure', 'warning'].includes(body.state))
      return reply(422, { message: `unknown commit status state: ${body.state}` });
    repository.statuses.push({ commit, body });
    return reply(201, { ...body, status: body.state });
  }),
  route('GET', '/pulls', async (call, repository) => {
    const open = repository.pulls.filter(({ state }) => state === 'open').reverse();
    const views = await Promise.all(open.map((pull) => pullView(call.standIn, repository, pull)));
    return listed(call, views, (view) => view);
  }),
  route('GET', '/pulls/(\\d+)', async ({ standIn }, repository, number) => {
    const pull = repository.pulls[Number(number) - 1];
    return pull ? reply(200, await pullView(standIn, repository, pull)) : notFound;
  }),
  route('GET', '/issues/(\\d+)/comments', (_call, { comments }, number) =>
    reply(200, comments.filter(({ pull }) => pull === Number(number)).map(commentView)),
  ),
  route('POST', '/issues/(\\d+)/comments', ({ standIn, user, body }, { comments }, number) => {
    const comment = { id: standIn.nextId(), pull: Number(number), author: user, text: body.body };
    comments.push(comment);
    return reply(201, commentView(comment));
  }),
  route('PATCH', '/issues/comments/(\\d+)', ({ user, body }, { comments }, id) => {
    const comment = byNumber(comments, id);
    if (!comment) return notFound;
    if (comment.author !== user) return reply(403, { message: 'user should have permission to edit comment' });
    comment.text = body.body;
    return reply(200, commentView(comment));
  }),
];

const userView = ({ id, login, email }: User) => ({ id, login, username: login, full_name: '', email });
const commentView = ({ id, author, text }: Repository['comments'][number]) => ({
  id,
  user: userView(author),
  body: text,
});

function hookView({ id, url, events, active }: Hook) {
  return { id, type: 'gitea', branch_filter: '*', config: { url, content_type: 'json' }, events, active };
}

async function repositoryView(standIn: StandIn, repository: Repository) {
  const { id, name, fullName, owner, isPrivate, description, defaultBranch, cloneUrl } = repository;
  const user = standIn.users.get(owner);
  return {
    id,
    owner: user && userView(user),
    name,
    full_name: fullName,
    description: description ?? '',
    empty: (await repository.head(defaultBranch)) === null,
    private: isPrivate,
    default_branch: defaultBranch,
    clone_url: cloneUrl,
    html_url: `${standIn.baseUrl}/${fullName}`,
  };
}

async function pullView(standIn: StandIn, repository: Repository, pull: Pull) {
  const { id, number, title, state, author, from, branch, commit, base } = pull;
  return {
    id,
    number,
    title,
    state: state === 'open' ? 'open' : 'closed',
    merged: state === 'merged',
    draft: false,
    user: userView(author),
    html_url: `${standIn.baseUrl}/${repository.fullName}/pulls/${number}`,
    head: { label: branch, ref: branch, sha: commit, repo_id: from.id, repo: await repositoryView(standIn, from) },
    base: { label: base, ref: base, sha: '', repo_id: repository.id, repo: await repositoryView(standIn, repository) },
  };
}

const commitView = ({ id, message, at, name, email, added, modified, removed }: Commit) => ({
  id,
  message,
  timestamp: at,
  author: { name, email, username: '' },
  committer: { name, email, username: '' },
  added,
  modified,
  removed,
});

async function pushed(
  repository: Repository,
  changes: RefChange[],
  pusher: User,
  standIn: StandIn,
): Promise<HookEvent[]> {
  const events: HookEvent[] = [];
  const view = await repositoryView(standIn, repository);
  for (const change of changes) {
    const [, type = '', name = ''] = /^refs\/(head|tag)s\/(.+)$/.exec(change.ref) ?? [];
    if (change.after === ZEROS) {
      const body = {
        ref: name,
        ref_type: type === 'head' ? 'branch' : 'tag',
        pusher_type: 'user',
        repository: view,
        sender: userView(pusher),
      };
      events.push({ subscription: 'delete', name: 'delete', body });
      continue;
    }
    const commits = (await commitsOf(repository.folder, change, 30)).map(commitView).reverse();
    const body = {
      ...change,
      compare_url: '',
      commits,
      total_commits: await countCommits(repository.folder, change),
      head_commit: commits[0] ?? null,
      repository: view,
      pusher: userView(pusher),
      sender: userView(pusher),
    };
    events.push({ subscription: 'push', name: 'push', body });
  }
  return events;
}

const ACTIONS: Record<PullAction, [subscription: string, action: string]> = {
  opened: ['pull_request', 'opened'],
  updated: ['pull_request_sync', 'synchronized'],
  closed: ['pull_request', 'closed'],
};

export const gitea: Dialect = {
  kind: 'gitea',
  api: '/api/v1',
  routes,
  gitUser: null,
  etags: false,
  tokenOf: ({ authorization = '' }) => {
    const [, token] = /^(?:token|Bearer) (\S+)$/i.exec(authorization) ?? [];
    return token ? { token } : null;
  },
  unauthorized: reply(401, {
    message: 'invalid username, password or token',
    url: 'http://gitea.example.test/api/swagger',
  }),
  notFound,
  rateHeaders: () => ({}),
  // Gitea has no limit of its own; a proxy before it may.
  limited: (seconds) => reply(429, { message: 'Too Many Requests' }, { 'retry-after': String(seconds) }),
  pushed,
  pullChanged: (repository, pull, action, standIn) => {
    const [subscription, word] = ACTIONS[action];
    const { number, title, state, author, from, branch, commit, base } = pull;
    const side = (ref: string, sha: string, repo: Repository) => ({
      ref,
      sha,
      repo: { id: repo.id, full_name: repo.fullName, clone_url: repo.cloneUrl, private: repo.isPrivate },
    });
    const body = {
      action: word,
      number,
      pull_request: {
        number,
        title,
        state: state === 'open' ? 'open' : 'closed',
        merged: state === 'merged',
        user: userView(author),
        html_url: `${standIn.baseUrl}/${repository.fullName}/pulls/${number}`,
        head: side(branch, commit, from),
        base: side(base, '', repository),
      },
      repository: { id: repository.id, full_name: repository.fullName, clone_url: repository.cloneUrl },
      sender: userView(author),
    };
    return [{ subscription, name: 'pull_request', body }];
  },
  sign: ({ id, hook, event }, body) => {
    const signature = hmac('sha256', hook.secret, body);
    return {
      'x-gitea-delivery': id,
      'x-gitea-event': event.name,
      'x-gitea-event-type': event.subscription,
      'x-gitea-signature': hook.secret ? signature : '',
      'x-gogs-delivery': id,
      'x-gogs-event': event.name,
      'x-gogs-signature': hook.secret ? signature : '',
      'x-hub-signature': `sha1=${hmac('sha1', hook.secret, body)}`,
      'x-hub-signature-256': `sha256=${signature}`,
      'x-github-delivery': id,
      'x-github-event': event.name,
    };
  },
  largestPayload: Number.POSITIVE_INFINITY,
  triesAgain: () => false,
};
