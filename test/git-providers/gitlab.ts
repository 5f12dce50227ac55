/** GitLab: docs.gitlab.com/api and "Webhook events". */
import { type Call, type Dialect, type HookEvent, type PullAction, type Reply, type Route, reply } from './dialect.js';
import { linkHeader, newHook, pageOf } from './paging.js';
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

const notFound = reply(404, { message: '404 Not found' });
const FLAGS = ['push_events', 'tag_push_events', 'merge_requests_events'];
/** `push_event_hooks_limit`: more refs in one push send nothing at all. */
const REFS_LIMIT = 3;

function route(
  method: string,
  path: string,
  answer: (call: Call, repository: Repository, ...params: string[]) => Reply | Promise<Reply>,
): Route {
  return [
    method,
    new RegExp(`^/projects/([^/]+)${path}$`),
    (call) => {
      const [name = '', ...params] = call.params;
      const byId = call.standIn.repositories.find(({ id }) => String(id) === name);
      const repository = call.standIn.find(byId?.fullName ?? name, call.user);
      return repository ? answer(call, repository, ...params) : reply(404, { message: '404 Project Not Found' });
    },
  ];
}

function listed<T>(call: Call, all: T[], view: (item: T) => Json): Reply {
  const page = pageOf(call, all, 'per_page', 20, 100);
  const headers = {
    'x-total': String(page.total),
    'x-page': String(page.page),
    'x-next-page': page.page < page.pages ? String(page.page + 1) : '',
    ...linkHeader(page),
  };
  return reply(200, page.items.map(view), headers);
}

const byNumber = <T extends { id: number }>(all: T[], id: string | undefined) =>
  all.find((one) => one.id === Number(id));

const routes: Route[] = [
  ['GET', /^\/user$/, ({ user }) => reply(200, { ...userView(user), email: user.email })],
  ['GET', /^\/personal_access_tokens\/self$/, () => reply(200, { id: 1, active: true, scopes: ['api'] })],
  [
    'GET',
    /^\/projects$/,
    (call) => {
      const search = call.query.get('search')?.toLowerCase() ?? '';
      const found = call.standIn.visibleTo(call.user).filter(({ fullName }) => fullName.toLowerCase().includes(search));
      return listed(call, found, (one) => projectView(call.standIn, one));
    },
  ],
  route('GET', '', ({ standIn }, repository) => reply(200, projectView(standIn, repository))),
  route('GET', '/repository/branches/([^/]+)', async (_call, repository, branch = '') => {
    const id = await repository.head(branch);
    return id ? reply(200, { name: branch, commit: { id } }) : reply(404, { message: '404 Branch Not Found' });
  }),
  route('GET', '/hooks', (call, { hooks }) => listed(call, hooks, hookView)),
  route('POST', '/hooks', ({ standIn, body }, { hooks }) => {
    const hook = newHook(standIn.nextId(), '', fieldsOf(body));
    hooks.push(hook);
    return reply(201, hookView(hook));
  }),
  route('PUT', '/hooks/(\\d+)', ({ body }, { hooks }, id) => {
    const hook = byNumber(hooks, id);
    return hook ? reply(200, hookView(Object.assign(hook, fieldsOf(body)))) : notFound;
  }),
  route('DELETE', '/hooks/(\\d+)', (_call, { hooks }, id) => {
    const hook = byNumber(hooks, id);
    if (!hook) return notFound;
    hooks.splice(hooks.indexOf(hook), 1);
    return reply(204);
  }),
  route('POST', '/hooks/(\\d+)/test/push_events', testHook),
  route('POST', '/statuses/([0-9a-f]{40})', setStatus),
  route('POST', '/deployments', ({ standIn, body }, { deployments, environments }) => {
    const known = environments.find(({ name }) => name === body.environment);
    const environment = known ?? {
      id: standIn.nextId(),
      name: body.environment,
      state: 'available',
      external_url: null,
    };
    if (!known) environments.push(environment);
    const id = standIn.nextId();
    deployments.push({ id, body, states: [], environment: environment.id });
    return reply(201, { id, ...body, environment });
  }),
  route('GET', '/deployments/(\\d+)', (_call, { deployments, environments }, id) => {
    const deployment = byNumber(deployments, id);
    if (!deployment) return notFound;
    return reply(200, { id: deployment.id, environment: byNumber(environments, String(deployment.environment)) });
  }),
  route('PUT', '/deployments/(\\d+)', ({ body }, { deployments }, id) => {
    const deployment = byNumber(deployments, id);
    if (!deployment) return notFound;
    if (!['created', 'running', 'success', 'failed', 'canceled'].includes(body.status))
      return reply(400, { error: 'status does not have a valid value' });
    deployment.states.push(body);
    return reply(200, { id: deployment.id, status: body.status });
  }),
  route('PUT', '/environments/(\\d+)', ({ body }, { environments }, id) => {
    const environment = byNumber(environments, id);
    return environment ? reply(200, Object.assign(environment, body)) : notFound;
  }),
  route('POST', '/environments/(\\d+)/stop', (_call, { environments }, id) => {
    const environment = byNumber(environments, id);
    return environment ? reply(200, Object.assign(environment, { state: 'stopped' })) : notFound;
  }),
  route('GET', '/merge_requests', (call, repository) => {
    const open = repository.pulls.filter(({ state }) => state === 'open').reverse();
    return listed(call, open, (pull) => mergeView(call.standIn, repository, pull));
  }),
  route('GET', '/merge_requests/(\\d+)', ({ standIn }, repository, number) => {
    const pull = repository.pulls[Number(number) - 1];
    return pull ? reply(200, mergeView(standIn, repository, pull)) : notFound;
  }),
  route('GET', '/merge_requests/(\\d+)/notes', (call, { comments }, number) =>
    listed(
      call,
      comments.filter(({ pull }) => pull === Number(number)),
      noteView,
    ),
  ),
  route('POST', '/merge_requests/(\\d+)/notes', ({ standIn, user, body }, { comments }, number) => {
    const comment = { id: standIn.nextId(), pull: Number(number), author: user, text: body.body };
    comments.push(comment);
    return reply(201, noteView(comment));
  }),
  route('PUT', '/merge_requests/\\d+/notes/(\\d+)', ({ user, body }, { comments }, id) => {
    const comment = byNumber(comments, id);
    if (!comment) return notFound;
    if (comment.author !== user) return reply(403, { message: '403 Forbidden' });
    comment.text = body.body;
    return reply(200, noteView(comment));
  }),
];

/** Answers when the receiver has. */
async function testHook({ standIn, user }: Call, repository: Repository, id?: string): Promise<Reply> {
  const hook = byNumber(repository.hooks, id);
  if (!hook) return notFound;
  const after = await repository.head(repository.defaultBranch);
  if (!after) return reply(422, { message: 'Ensure the project has at least one commit.' });
  const [event] = await pushed(
    repository,
    [{ ref: `refs/heads/${repository.defaultBranch}`, before: ZEROS, after }],
    user,
    standIn,
  );
  const { status, error } = await standIn.deliver(repository, hook, event as HookEvent);
  if (status !== null && status < 300) {
    Object.assign(hook, { failures: 0, disabledUntil: null });
    return reply(201, { message: '201 Created' });
  }
  return reply(422, { message: error ?? `Hook executed successfully but returned HTTP ${status}` });
}

/** A pipeline's state machine is behind it: the same state again is refused. */
function setStatus({ body }: Call, repository: Repository, commit = ''): Reply {
  if (!['pending', 'running', 'success', 'failed', 'canceled', 'skipped'].includes(body.state))
    return reply(400, { error: 'state does not have a valid value' });
  const last = repository.statuses.findLast((one) => one.commit === commit && one.body.name === body.name);
  if (last?.body.state === body.state) {
    const event = body.state === 'running' ? 'run' : 'enqueue';
    return reply(400, {
      message: `Cannot transition status via :${event} from :${body.state} (Reason(s): Status cannot transition via "${event}")`,
    });
  }
  repository.statuses.push({ commit, body });
  return reply(201, { ...body, sha: commit });
}

const userView = ({ id, login }: User) => ({ id, username: login, name: login, state: 'active' });
const noteView = ({ id, author, text }: Repository['comments'][number]) => ({
  id,
  author: userView(author),
  body: text,
  system: false,
});

function fieldsOf(body: Json): Partial<Hook> {
  return {
    url: body.url,
    ...(body.token === undefined ? {} : { secret: body.token }),
    events: FLAGS.filter((flag) => body[flag]),
  };
}

function hookView({ id, url, events, disabledUntil }: Hook) {
  return {
    id,
    url,
    enable_ssl_verification: true,
    alert_status: disabledUntil ? 'temporarily_disabled' : 'executable',
    disabled_until: disabledUntil,
    ...Object.fromEntries(FLAGS.map((flag) => [flag, events.includes(flag)])),
  };
}

function projectView(
  standIn: StandIn,
  { id, name, fullName, owner, isPrivate, description, defaultBranch, cloneUrl }: Repository,
) {
  const web = `${standIn.baseUrl}/${fullName}`;
  return {
    id,
    name,
    path: name,
    path_with_namespace: fullName,
    namespace: { full_path: owner },
    description,
    visibility: isPrivate ? 'private' : 'public',
    default_branch: defaultBranch,
    http_url_to_repo: cloneUrl,
    web_url: web,
  };
}

function mergeView(standIn: StandIn, repository: Repository, pull: Pull) {
  const { id, number, title, state, author, from, branch, commit, base, createdAt } = pull;
  return {
    id,
    iid: number,
    title,
    state: state === 'open' ? 'opened' : state,
    draft: false,
    sha: commit,
    source_branch: branch,
    target_branch: base,
    source_project_id: from.id,
    target_project_id: repository.id,
    author: userView(author),
    created_at: createdAt,
    web_url: `${standIn.baseUrl}/${repository.fullName}/-/merge_requests/${number}`,
  };
}

function hookProject(standIn: StandIn, repository: Repository) {
  const { id, name, fullName, owner, defaultBranch, cloneUrl, isPrivate } = repository;
  const web_url = `${standIn.baseUrl}/${fullName}`;
  const urls = { web_url, git_http_url: cloneUrl, http_url: cloneUrl, homepage: web_url };
  return {
    id,
    name,
    ...urls,
    namespace: owner,
    visibility_level: isPrivate ? 0 : 20,
    path_with_namespace: fullName,
    default_branch: defaultBranch,
  };
}

const commitView = ({ id, message, at, name, email, added, modified, removed }: Commit) => ({
  id,
  message,
  title: message.split('\n')[0],
  timestamp: at,
  author: { name, email },
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
  if (changes.length > REFS_LIMIT) return [];
  const events: HookEvent[] = [];
  for (const change of changes) {
    const isTag = change.ref.startsWith('refs/tags/');
    const kind = isTag ? 'tag_push' : 'push';
    const body = {
      object_kind: kind,
      event_name: kind,
      ...change,
      checkout_sha: change.after === ZEROS ? null : change.after,
      message: null,
      user_id: pusher.id,
      user_name: pusher.login,
      user_username: pusher.login,
      user_email: '',
      project_id: repository.id,
      project: hookProject(standIn, repository),
      // The newest 20, oldest first.
      commits: (await commitsOf(repository.folder, change, 20)).map(commitView),
      total_commits_count: await countCommits(repository.folder, change),
      push_options: {},
    };
    const name = isTag ? 'Tag Push Hook' : 'Push Hook';
    events.push({ subscription: isTag ? 'tag_push_events' : 'push_events', name, body });
  }
  return events;
}

function pullChanged(repository: Repository, pull: Pull, action: PullAction, standIn: StandIn): HookEvent[] {
  const { id, number, title, state, author, from, branch, commit, base } = pull;
  const actions = { opened: 'open', updated: 'update', closed: state === 'merged' ? 'merge' : 'close' };
  const body = {
    object_kind: 'merge_request',
    event_type: 'merge_request',
    user: userView(author),
    project: hookProject(standIn, repository),
    object_attributes: {
      id,
      iid: number,
      title,
      state: state === 'open' ? 'opened' : state,
      action: actions[action],
      source_branch: branch,
      target_branch: base,
      source_project_id: from.id,
      target_project_id: repository.id,
      source: hookProject(standIn, from),
      target: hookProject(standIn, repository),
      last_commit: { id: commit },
      draft: false,
      url: `${standIn.baseUrl}/${repository.fullName}/-/merge_requests/${number}`,
      ...(action === 'updated' ? { oldrev: ZEROS } : {}),
    },
    labels: [],
    changes: {},
  };
  return [{ subscription: 'merge_requests_events', name: 'Merge Request Hook', body }];
}

export const gitlab: Dialect = {
  kind: 'gitlab',
  api: '/api/v4',
  routes,
  gitUser: null,
  etags: true,
  tokenOf: ({ authorization = '', 'private-token': personal }) => {
    const [, token] = /^Bearer (\S+)$/i.exec(authorization) ?? [];
    const given = token ?? (typeof personal === 'string' ? personal : undefined);
    return given ? { token: given } : null;
  },
  unauthorized: reply(401, { message: '401 Unauthorized' }),
  notFound,
  rateHeaders: (limit, left, resetAt) => ({
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(left),
    'ratelimit-reset': String(resetAt),
  }),
  limited: (seconds) =>
    reply(
      429,
      { message: { error: 'This endpoint has been requested too many times. Try again later.' } },
      { 'retry-after': String(seconds) },
    ),
  pushed,
  pullChanged,
  sign: ({ id, hook, event, attempt }) => ({
    'user-agent': 'GitLab/18.5.0',
    'x-gitlab-event': event.name,
    'x-gitlab-instance': 'http://gitlab.example.test',
    'x-gitlab-webhook-uuid': `webhook-${hook.id}`,
    // One event, several attempts: only the key stays.
    'idempotency-key': id,
    'x-gitlab-event-uuid': `${id}-${attempt}`,
    ...(hook.secret ? { 'x-gitlab-token': hook.secret } : {}),
  }),
  largestPayload: 25 * 1024 * 1024,
  triesAgain: (attempt, status) => attempt < 4 && (status === null || status >= 500),
  settled: (hook, status) => {
    hook.failures = status !== null && status < 300 ? 0 : hook.failures + 1;
    // Four failures in a row switch it off, for a minute at first.
    hook.disabledUntil = hook.failures >= 4 ? new Date(Date.now() + 60_000).toISOString() : null;
  },
};
