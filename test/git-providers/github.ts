/** GitHub: docs.github.com/en/rest and "Webhook events and payloads". */
import { type Call, type Dialect, type HookEvent, type PullAction, type Reply, type Route, reply } from './dialect.js';
import { hmac, linkHeader, newHook, pageOf } from './paging.js';
import {
  type Commit,
  commitsOf,
  type Hook,
  isForced,
  type Json,
  type Pull,
  type Repository,
  type User,
  ZEROS,
} from './repository.js';
import type { StandIn } from './stand-in.js';

const notFound = reply(404, { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' });
const REPO = '^/repos/([^/]+/[^/]+)';

/** A route below one repository that the caller may see. */
function route(
  method: string,
  path: string,
  answer: (call: Call, repository: Repository, ...params: string[]) => Reply | Promise<Reply>,
): Route {
  return [
    method,
    new RegExp(`${REPO}${path}$`),
    (call) => {
      const [fullName = '', ...params] = call.params;
      const repository = call.standIn.find(fullName, call.user);
      return repository ? answer(call, repository, ...params) : notFound;
    },
  ];
}

function listed<T>(call: Call, all: T[], view: (item: T) => Json): Reply {
  const page = pageOf(call, all, 'per_page', 30, 100);
  return reply(200, page.items.map(view), linkHeader(page));
}

const routes: Route[] = [
  ['GET', /^\/user$/, ({ user }) => reply(200, userView(user), { 'x-oauth-scopes': 'admin:repo_hook, repo' })],
  [
    'GET',
    /^\/user\/repos$/,
    (call) => listed(call, call.standIn.visibleTo(call.user), (one) => repositoryView(call.standIn, one)),
  ],
  route('GET', '', ({ standIn }, repository) => reply(200, repositoryView(standIn, repository))),
  route('GET', '/git/ref/heads/(.+)', async (_call, repository, branch = '') => {
    const sha = await repository.head(branch);
    if (sha) return reply(200, { ref: `refs/heads/${branch}`, object: { sha, type: 'commit' } });
    const empty = (await repository.head(repository.defaultBranch)) === null;
    return empty ? reply(409, { message: 'Git Repository is empty.' }) : notFound;
  }),
  route('GET', '/hooks', (call, { hooks }) => listed(call, hooks, hookView)),
  route('POST', '/hooks', createHook),
  route('PATCH', '/hooks/(\\d+)', ({ body }, { hooks }, id) => {
    const hook = hooks.find((one) => one.id === Number(id));
    if (!hook) return notFound;
    const { url = hook.url, secret = hook.secret } = body.config ?? {};
    Object.assign(hook, { url, secret, events: body.events ?? hook.events, active: body.active ?? hook.active });
    return reply(200, hookView(hook));
  }),
  route('DELETE', '/hooks/(\\d+)', (_call, { hooks }, id) => {
    const index = hooks.findIndex((one) => one.id === Number(id));
    if (index < 0) return notFound;
    hooks.splice(index, 1);
    return reply(204);
  }),
  route('POST', '/hooks/(\\d+)/pings', ({ standIn }, repository, id) => {
    const hook = repository.hooks.find((one) => one.id === Number(id));
    if (!hook) return notFound;
    ping(standIn, repository, hook);
    return reply(204);
  }),
  route('GET', '/hooks/(\\d+)/deliveries', (call, _repository, id) => {
    const own = call.standIn.deliveries.filter(({ hook }) => hook.id === Number(id)).reverse();
    return listed(call, own, ({ id: guid, event, status, attempt }) => ({
      id: guid,
      guid,
      event: event.name,
      status_code: status ?? 0,
      redelivery: attempt > 1,
    }));
  }),
  route('POST', '/hooks/(\\d+)/deliveries/([\\w-]+)/attempts', ({ standIn }, _repository, _hook, id = '') => {
    void standIn.redeliver(id);
    return reply(202, {});
  }),
  route('POST', '/statuses/([0-9a-f]{40})', ({ body }, repository, commit = '') => {
    if (!['error', 'failure', 'pending', 'success'].includes(body.state))
      return reply(422, {
        message: 'Validation Failed',
        errors: [{ resource: 'Status', field: 'state', code: 'invalid' }],
      });
    repository.statuses.push({ commit, body });
    return reply(201, body);
  }),
  route('POST', '/deployments', ({ body, standIn }, { deployments }) => {
    const id = standIn.nextId();
    deployments.push({ id, body, states: [], environment: id });
    return reply(201, { id, ...body });
  }),
  route('POST', '/deployments/(\\d+)/statuses', ({ body }, { deployments }, id) => {
    const deployment = deployments.find((one) => one.id === Number(id));
    if (!deployment) return notFound;
    deployment.states.push(body);
    return reply(201, body);
  }),
  route('GET', '/pulls', (call, repository) => {
    const open = repository.pulls.filter(({ state }) => state === 'open').reverse();
    return listed(call, open, (pull) => pullView(call.standIn, repository, pull));
  }),
  route('GET', '/pulls/(\\d+)', ({ standIn }, repository, number) => {
    const pull = repository.pulls[Number(number) - 1];
    return pull ? reply(200, pullView(standIn, repository, pull)) : notFound;
  }),
  route('GET', '/issues/(\\d+)/comments', (call, { comments }, number) =>
    listed(
      call,
      comments.filter(({ pull }) => pull === Number(number)),
      commentView,
    ),
  ),
  route('POST', '/issues/(\\d+)/comments', ({ standIn, user, body }, { comments }, number) => {
    const comment = { id: standIn.nextId(), pull: Number(number), author: user, text: body.body };
    comments.push(comment);
    return reply(201, commentView(comment));
  }),
  route('PATCH', '/issues/comments/(\\d+)', ({ user, body }, { comments }, id) => {
    const comment = comments.find((one) => one.id === Number(id));
    if (!comment) return notFound;
    if (comment.author !== user) return reply(403, { message: 'Must have admin rights to Repository.' });
    comment.text = body.body;
    return reply(200, commentView(comment));
  }),
];

/** GitHub takes no second hook of the same address and events. */
function createHook({ standIn, body }: Call, repository: Repository): Reply {
  const { url, secret } = body.config;
  if (repository.hooks.some((hook) => hook.url === url && String(hook.events) === String(body.events)))
    return reply(422, {
      message: 'Validation Failed',
      errors: [{ resource: 'Hook', code: 'custom', message: 'Hook already exists on this repository' }],
    });
  const id = standIn.nextId();
  const hook = newHook(id, '', { url, secret, events: body.events, active: body.active });
  repository.hooks.push(hook);
  ping(standIn, repository, hook);
  return reply(201, hookView(hook));
}

function ping(standIn: StandIn, repository: Repository, hook: Hook): void {
  const body = {
    zen: 'Keep it logically awesome.',
    hook_id: hook.id,
    hook: hookView(hook),
    repository: repositoryView(standIn, repository),
  };
  standIn.sendLater(repository, hook, { subscription: 'ping', name: 'ping', body });
}

const userView = (user: User) => ({ login: user.login, id: user.id, type: 'User' });
const commentView = ({ id, author, text }: Repository['comments'][number]) => ({
  id,
  user: userView(author),
  body: text,
});

function hookView({ id, url, events, active, secret, lastStatus }: Hook) {
  const config = { url, content_type: 'json', insecure_ssl: '0', ...(secret ? { secret: '********' } : {}) };
  const last =
    lastStatus === null
      ? { code: null, status: 'unused', message: null }
      : { code: lastStatus, status: 'active', message: 'OK' };
  return { type: 'Repository', id, name: 'web', active, events, config, last_response: last };
}

function repositoryView(standIn: StandIn, repository: Repository) {
  const { id, name, fullName, isPrivate, description, defaultBranch, cloneUrl, owner } = repository;
  const user = standIn.users.get(owner);
  return {
    id,
    name,
    full_name: fullName,
    private: isPrivate,
    owner: user && userView(user),
    description,
    html_url: `${standIn.baseUrl}/${fullName}`,
    clone_url: cloneUrl,
    default_branch: defaultBranch,
    fork: false,
  };
}

function pullView(standIn: StandIn, repository: Repository, pull: Pull) {
  const { id, number, title, state, author, from, branch, commit, base } = pull;
  const side = (ref: string, sha: string, repo: Repository) => ({
    label: `${repo.owner}:${ref}`,
    ref,
    sha,
    repo: repositoryView(standIn, repo),
  });
  return {
    id,
    number,
    title,
    state: state === 'open' ? 'open' : 'closed',
    draft: false,
    merged_at: state === 'merged' ? new Date().toISOString() : null,
    html_url: `${standIn.baseUrl}/${repository.fullName}/pull/${number}`,
    user: userView(author),
    head: side(branch, commit, from),
    base: side(base, '', repository),
  };
}

const commitView = ({ id, message, at, name, email, added, modified, removed }: Commit) => ({
  id,
  message,
  timestamp: at,
  author: { name, email },
  committer: { name, email },
  added,
  modified,
  removed,
});

async function pushed(
  repository: Repository,
  changes: { ref: string; before: string; after: string }[],
  pusher: User,
  standIn: StandIn,
) {
  const tags = changes.filter(({ ref }) => ref.startsWith('refs/tags/'));
  // No events for tags when more than three are pushed at once.
  const told = tags.length > 3 ? changes.filter((change) => !tags.includes(change)) : changes;
  const events: HookEvent[] = [];
  for (const change of told) {
    const commits = (await commitsOf(repository.folder, change, 2048)).map(commitView);
    const body = {
      ...change,
      created: change.before === ZEROS,
      deleted: change.after === ZEROS,
      forced: await isForced(repository.folder, change),
      base_ref: null,
      compare: '',
      commits,
      head_commit: commits.at(-1) ?? null,
      repository: repositoryView(standIn, repository),
      pusher: { name: pusher.login, email: pusher.email },
      sender: userView(pusher),
    };
    events.push({ subscription: 'push', name: 'push', body });
  }
  return events;
}

const ACTIONS: Record<PullAction, string> = { opened: 'opened', updated: 'synchronize', closed: 'closed' };

export const github: Dialect = {
  kind: 'github',
  api: '/api/v3',
  routes,
  gitUser: null,
  etags: true,
  tokenOf: ({ authorization = '' }) => {
    const [, token] = /^(?:Bearer|token) (\S+)$/i.exec(authorization) ?? [];
    return token ? { token } : null;
  },
  unauthorized: reply(401, {
    message: 'Bad credentials',
    documentation_url: 'https://docs.github.com/rest',
    status: '401',
  }),
  notFound,
  rateHeaders: (limit, left, resetAt) => ({
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(left),
    'x-ratelimit-reset': String(resetAt),
  }),
  limited: () =>
    reply(403, {
      message: 'API rate limit exceeded for user ID 1.',
      documentation_url: 'https://docs.github.com/rest',
    }),
  pushed,
  pullChanged: (repository, pull, action, standIn) => {
    const { number } = pull;
    const pull_request = pullView(standIn, repository, pull);
    const body = {
      action: ACTIONS[action],
      number,
      pull_request,
      repository: repositoryView(standIn, repository),
      sender: userView(pull.author),
    };
    return [{ subscription: 'pull_request', name: 'pull_request', body }];
  },
  sign: ({ id, hook, event }, body) => ({
    'user-agent': 'GitHub-Hookshot/044aadd',
    'x-github-event': event.name,
    'x-github-delivery': id,
    'x-github-hook-id': String(hook.id),
    ...(hook.secret
      ? {
          'x-hub-signature': `sha1=${hmac('sha1', hook.secret, body)}`,
          'x-hub-signature-256': `sha256=${hmac('sha256', hook.secret, body)}`,
        }
      : {}),
  }),
  largestPayload: 25 * 1024 * 1024,
  triesAgain: () => false,
};
