/** Bitbucket Cloud: developer.atlassian.com/cloud/bitbucket/rest and support.atlassian.com "Event payloads". */
import { type Call, type Dialect, type HookEvent, type PullAction, type Reply, type Route, reply } from './dialect.js';
import { hmac, newHook, pageOf } from './paging.js';
import {
  type Commit,
  commitsOf,
  countCommits,
  type Hook,
  isForced,
  type Json,
  type Pull,
  type RefChange,
  type Repository,
  refsOf,
  type User,
  ZEROS,
} from './repository.js';
import type { StandIn } from './stand-in.js';

const problem = (status: number, message: string, headers?: Record<string, string>) =>
  reply(status, { type: 'error', error: { message } }, headers);
const notFound = problem(404, 'Resource not found');

function route(
  method: string,
  path: string,
  answer: (call: Call, repository: Repository, ...params: string[]) => Reply | Promise<Reply>,
): Route {
  return [
    method,
    new RegExp(`^/repositories/([^/]+/[^/]+)${path}$`),
    (call) => {
      const [fullName = '', ...params] = call.params;
      const repository = call.standIn.find(fullName, call.user);
      return repository ? answer(call, repository, ...params) : problem(404, `Repository ${fullName} not found`);
    },
  ];
}

function listed<T>(call: Call, all: T[], view: (item: T) => Json): Reply {
  const { items, page, pages, total, at } = pageOf(call, all, 'pagelen', 10, 100);
  const next = page < pages ? { next: at(page + 1) } : {};
  return reply(200, { values: items.map(view), size: total, page, pagelen: items.length, ...next });
}

const uuidOf = (id: number): string => `{00000000-0000-4000-8000-${String(id).padStart(12, '0')}}`;
const byUuid = (hooks: Hook[], uuid: string | undefined) => hooks.find((hook) => hook.uuid === uuid);

const routes: Route[] = [
  [
    'GET',
    /^\/user$/,
    ({ user, mayReadUser }) =>
      mayReadUser
        ? reply(200, { ...userView(user), username: user.login }, { 'x-oauth-scopes': 'account, repository, webhook' })
        : problem(403, 'Your credentials lack one or more required privilege scopes.'),
  ],
  [
    'GET',
    /^\/user\/workspaces$/,
    (call) => {
      if (!call.mayReadUser) return problem(403, 'Your credentials lack one or more required privilege scopes.');
      const slugs = [...new Set(call.standIn.visibleTo(call.user).map(({ owner }) => owner))];
      return listed(call, slugs, (slug) => ({ type: 'workspace_access', administrator: true, workspace: { slug } }));
    },
  ],
  [
    'GET',
    /^\/repositories\/([^/]+)$/,
    (call) => {
      const [, part = ''] = /^name ~ "(.*)"$/.exec(call.query.get('q') ?? '') ?? [];
      const own = call.standIn.visibleTo(call.user).filter(({ owner }) => owner === call.params[0]);
      const found = own.filter(({ name }) => name.toLowerCase().includes(part.toLowerCase()));
      return listed(call, found, (one) => repositoryView(call.standIn, one));
    },
  ],
  route('GET', '', ({ standIn }, repository) => reply(200, repositoryView(standIn, repository))),
  route('GET', '/refs/branches/(.+)', async (_call, repository, branch = '') => {
    const hash = await repository.head(branch);
    return hash ? reply(200, { name: branch, target: { hash } }) : problem(404, `Branch ${branch} not found`);
  }),
  route('GET', '/commit/([0-9a-f]+)', async (_call, repository, short = '') => {
    const hash = [...(await refsOf(repository.folder)).values()].find((one) => one.startsWith(short));
    return hash ? reply(200, { hash }) : notFound;
  }),
  route('GET', '/hooks', (call, { hooks }) => listed(call, hooks, hookView)),
  route('POST', '/hooks', ({ standIn, body }, { hooks }) => {
    const id = standIn.nextId();
    const hook = newHook(id, uuidOf(id), fieldsOf(body));
    hooks.push(hook);
    return reply(201, hookView(hook));
  }),
  route('PUT', '/hooks/([^/]+)', ({ body }, { hooks }, uuid) => {
    const hook = byUuid(hooks, uuid);
    return hook ? reply(200, hookView(Object.assign(hook, fieldsOf(body)))) : notFound;
  }),
  route('DELETE', '/hooks/([^/]+)', (_call, { hooks }, uuid) => {
    const hook = byUuid(hooks, uuid);
    if (!hook) return notFound;
    hooks.splice(hooks.indexOf(hook), 1);
    return reply(204);
  }),
  route('POST', '/commit/([0-9a-f]{40})/statuses/build', ({ body }, repository, commit = '') => {
    if (!['INPROGRESS', 'SUCCESSFUL', 'FAILED', 'STOPPED'].includes(body.state)) return problem(400, 'state: invalid');
    if (!body.key || body.key.length > 40 || !body.url)
      return problem(400, 'key and url are required; key has at most 40 characters');
    repository.statuses.push({ commit, body });
    return reply(201, body);
  }),
  route('GET', '/pullrequests', (call, repository) => {
    const open = repository.pulls.filter(({ state }) => state === 'open').reverse();
    return listed(call, open, (pull) => pullView(call.standIn, repository, pull));
  }),
  route('GET', '/pullrequests/(\\d+)', ({ standIn }, repository, number) => {
    const pull = repository.pulls[Number(number) - 1];
    return pull ? reply(200, pullView(standIn, repository, pull)) : notFound;
  }),
  route('GET', '/pullrequests/(\\d+)/comments', (call, { comments }, number) =>
    listed(
      call,
      comments.filter(({ pull }) => pull === Number(number)),
      commentView,
    ),
  ),
  route('POST', '/pullrequests/(\\d+)/comments', ({ standIn, user, body }, { comments }, number) => {
    const comment = { id: standIn.nextId(), pull: Number(number), author: user, text: body.content.raw };
    comments.push(comment);
    return reply(201, commentView(comment));
  }),
  route('PUT', '/pullrequests/\\d+/comments/(\\d+)', ({ user, body }, { comments }, id) => {
    const comment = comments.find((one) => one.id === Number(id));
    if (!comment) return notFound;
    if (comment.author !== user) return problem(403, 'You may not edit this comment');
    comment.text = body.content.raw;
    return reply(200, commentView(comment));
  }),
];

const userView = ({ id, login }: User) => ({ type: 'user', uuid: uuidOf(id), display_name: login, nickname: login });
const commentView = ({ id, author, text }: Repository['comments'][number]) => ({
  id,
  user: userView(author),
  content: { raw: text },
  deleted: false,
});
const hookView = ({ uuid, url, events, active, secret }: Hook) => ({
  uuid,
  url,
  events,
  active,
  secret_set: secret !== '',
});

function fieldsOf({ url, secret, events, active }: Json): Partial<Hook> {
  return { url, events, active, ...(secret === undefined ? {} : { secret }) };
}

function repositoryView(standIn: StandIn, repository: Repository) {
  const { id, name, fullName, owner, isPrivate, description, defaultBranch, cloneUrl } = repository;
  // The address carries the reader's name.
  const clone = cloneUrl.replace('://', `://${owner}@`);
  return {
    type: 'repository',
    uuid: uuidOf(id),
    name,
    slug: name,
    full_name: fullName,
    is_private: isPrivate,
    description: description ?? '',
    mainbranch: { type: 'branch', name: defaultBranch },
    workspace: { slug: owner },
    links: { html: { href: `${standIn.baseUrl}/${fullName}` }, clone: [{ name: 'https', href: clone }] },
  };
}

function pullView(standIn: StandIn, repository: Repository, pull: Pull) {
  const { number, title, state, author, from, branch, commit, base, createdAt } = pull;
  const states = { open: 'OPEN', merged: 'MERGED', closed: 'DECLINED' };
  const side = (name: string, hash: string, one: Repository) => ({
    branch: { name },
    commit: { hash: hash.slice(0, 12) },
    repository: { type: 'repository', full_name: one.fullName, uuid: uuidOf(one.id), name: one.name },
  });
  return {
    type: 'pullrequest',
    id: number,
    title,
    state: states[state],
    draft: false,
    author: userView(author),
    source: side(branch, commit, from),
    destination: side(base, '', repository),
    created_on: createdAt,
    links: { html: { href: `${standIn.baseUrl}/${repository.fullName}/pull-requests/${number}` } },
  };
}

const commitView = ({ id, message, at, name, email }: Commit) => ({
  type: 'commit',
  hash: id,
  message,
  date: at,
  author: { type: 'author', raw: `${name} <${email}>` },
});

/** All refs of a push in one event; no file lists; the newest five commits. */
async function pushed(
  repository: Repository,
  changes: RefChange[],
  pusher: User,
  standIn: StandIn,
): Promise<HookEvent[]> {
  const views: Json[] = [];
  for (const change of changes) {
    const [, type = '', name = ''] = /^refs\/(head|tag)s\/(.+)$/.exec(change.ref) ?? [];
    const side = (hash: string) =>
      hash === ZEROS ? null : { type: type === 'head' ? 'branch' : 'tag', name, target: { type: 'commit', hash } };
    const commits = (await commitsOf(repository.folder, change, 5)).reverse().map(commitView);
    views.push({
      old: side(change.before),
      new: side(change.after),
      created: change.before === ZEROS,
      closed: change.after === ZEROS,
      forced: await isForced(repository.folder, change),
      truncated: (await countCommits(repository.folder, change)) > 5,
      ...(change.after === ZEROS ? {} : { commits }),
    });
  }
  const body = { actor: userView(pusher), repository: repositoryView(standIn, repository), push: { changes: views } };
  return [{ subscription: 'repo:push', name: 'repo:push', body }];
}

function pullChanged(repository: Repository, pull: Pull, action: PullAction, standIn: StandIn): HookEvent[] {
  const words = { opened: 'created', updated: 'updated', closed: pull.state === 'merged' ? 'fulfilled' : 'rejected' };
  const name = `pullrequest:${words[action]}`;
  const body = {
    actor: userView(pull.author),
    pullrequest: pullView(standIn, repository, pull),
    repository: repositoryView(standIn, repository),
  };
  return [{ subscription: name, name, body }];
}

export const bitbucket: Dialect = {
  kind: 'bitbucket',
  api: '/!api/2.0',
  routes,
  gitUser: 'x-token-auth',
  etags: false,
  tokenOf: ({ authorization = '' }) => {
    const [, bearer] = /^Bearer (\S+)$/i.exec(authorization) ?? [];
    if (bearer) return { token: bearer };
    const [, basic] = /^Basic (\S+)$/i.exec(authorization) ?? [];
    const [email = '', token = ''] = Buffer.from(basic ?? '', 'base64')
      .toString('utf8')
      .split(':');
    return basic ? { token, email } : null;
  },
  unauthorized: problem(401, 'Token is invalid, expired, or not supported for this endpoint.'),
  notFound,
  rateHeaders: () => ({}),
  limited: () => problem(429, 'Rate limit for this resource has been exceeded'),
  pushed,
  pullChanged,
  sign: ({ id, hook, event, attempt }, body) => ({
    'user-agent': 'Bitbucket-Webhooks/2.0',
    'x-event-key': event.name,
    'x-hook-uuid': hook.uuid.replace(/[{}]/g, ''),
    'x-request-uuid': id,
    'x-attempt-number': String(attempt),
    ...(hook.secret ? { 'x-hub-signature': `sha256=${hmac('sha256', hook.secret, body)}` } : {}),
  }),
  largestPayload: 256 * 1024,
  triesAgain: (attempt, status) => attempt < 3 && status !== null && status >= 500,
};
