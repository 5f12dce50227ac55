/**
 * Generated from the OpenAPI document: every operation that is not a GET, called with success, leaves a row in the audit log that holds
 * none of the secrets of its request. A new operation fails here until it has a call below.
 */
import { randomUUID } from 'node:crypto';
import { startS3, type TestS3 } from '#drivers/object-store/testing/s3-server.js';
import { createOpenApi } from '../apps/api/http/openapi.js';
import { type TestApi, type TestUser, testApi } from './factories/api.js';
import { type StandIns, startGitProviders } from './git-providers/index.js';

/** Operations that change nothing, with the reason. */
const NOTHING_CHANGES: Record<string, string> = {
  'POST /templates/plan': 'shows what would be made',
  'POST /backup-targets/{id}/check': 'looks at the bucket and keeps what it saw',
  'POST /databases/{id}/query': 'reads; what may write needs a running engine: libs/features/databases/engines.real.ts',
  'POST /databases/{id}/users': 'needs a running engine: libs/features/databases/engines.real.ts',
  'DELETE /databases/{id}/users/{name}': 'needs a running engine: libs/features/databases/engines.real.ts',
  'POST /databases/{id}/databases': 'needs a running engine: libs/features/databases/engines.real.ts',
  'DELETE /databases/{id}/databases/{name}': 'needs a running engine: libs/features/databases/engines.real.ts',
  'POST /services/{id}/domains/{domain_id}/check': 'looks at DNS and keeps what it saw',
  'POST /webhooks/git/{hook_id}': 'is stored as a delivery; the deployment it leads to is recorded by the worker',
};

const SECRETS = [
  's3cret-variable-value',
  'plain-variable-value',
  's3cret-override',
  's3cret-build-argument',
  's3cret password',
  's3cret-in-a-path',
];

interface Call {
  path: string;
  as?: TestUser;
  body?: unknown;
  /** Another secret of this call. */
  secret?: string;
  headers?: Record<string, string>;
  /** Proven by a secret, not by a user. */
  nobody?: true;
}

let api: TestApi;
let standIns: StandIns;
let s3: TestS3;
let admin: TestUser;
let guest: TestUser;
let ids: Record<'project' | 'service' | 'cron' | 'hooked' | 'volume' | 'deployment', string>;

const sql = (text: string, ...values: unknown[]) => api.database.query<Record<string, string>>(text, values);
const call = async (method: string, path: string, body?: unknown) => {
  const answer = await api.request(method, path, { as: admin, body });
  if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.body}`);
  return answer.body ? answer.json() : null;
};

const newest = async (table: string) => (await sql(`SELECT id FROM ${table} ORDER BY created_at DESC LIMIT 1`))[0]?.id;
const backupPath = async () => `${await databasePath()}/backups/${await newest('backups')}`;
const bucketOf = ({ endpoint, region, bucket, accessKeyId, secretAccessKey }: TestS3['options']) => ({
  endpoint,
  region,
  bucket,
  access_key_id: accessKeyId,
  secret_access_key: secretAccessKey,
});
const databasePath = async () => `/databases/${await newest('databases')}`;
const domainId = () => newest('domains');
const webhookPath = async () => `/projects/${ids.project}/webhooks/${await newest('webhook_endpoints')}`;
const invitePath = () => `/projects/${ids.project}/invitations`;

/** What each operation needs to succeed, in the order in which they can be called. */
const CALLS: [operation: string, prepare: () => Call | Promise<Call>][] = [
  [
    'POST /auth/register',
    () => ({ path: '/auth/register', body: { email: 'new@example.com', name: 'N', password: 's3cret password' } }),
  ],
  [
    'POST /auth/login',
    () => ({ path: '/auth/login', body: { email: 'new@example.com', password: 's3cret password' } }),
  ],
  ['PUT /user/profile', () => ({ path: '/user/profile', body: { name: 'Other' } })],
  ['PUT /settings', () => ({ path: '/settings', body: { registration_open: true } })],
  ['POST /projects', () => ({ path: '/projects', body: { name: 'Another' } })],
  ['PUT /projects/{id}', () => ({ path: `/projects/${ids.project}`, body: { name: 'Renamed' } })],
  [
    'POST /projects/{project_id}/services',
    () => ({
      path: `/projects/${ids.project}/services`,
      body: {
        name: 'api',
        type: 'web',
        build_config: { environment_variables: { TOKEN: 's3cret-build-argument' } },
      },
    }),
  ],
  [
    'PUT /services/{id}',
    () => ({
      path: `/services/${ids.service}`,
      body: { volumes: [], build_config: { environment_variables: { TOKEN: 's3cret-build-argument' } } },
    }),
  ],
  [
    'PUT /services/{id}/variables',
    () => ({
      path: `/services/${ids.service}/variables`,
      body: { variables: { KEY: { value: 's3cret-variable-value', secret: true }, PLAIN: 'plain-variable-value' } },
    }),
  ],
  ['DELETE /volumes/{id}', () => ({ path: `/volumes/${ids.volume}` })],
  [
    'POST /services/{id}/deployments',
    () => ({ path: `/services/${ids.service}/deployments`, body: { env_vars: { KEY: 's3cret-override' } } }),
  ],
  ['POST /deployments/{id}/cancel', () => ({ path: `/deployments/${ids.deployment}/cancel` })],
  [
    'POST /deployments/{id}/resolve',
    async () => {
      await sql(`UPDATE runs SET status = 'stuck' WHERE subject_id = $1`, ids.deployment);
      return { path: `/deployments/${ids.deployment}/resolve`, body: { decision: 'abandon' } };
    },
  ],
  [
    'POST /deployments/{id}/rollback',
    async () => {
      await sql(`UPDATE deployments SET image_id = 'sha256:1', port = 3000 WHERE id = $1`, ids.deployment);
      return { path: `/deployments/${ids.deployment}/rollback` };
    },
  ],
  [
    'POST /services/{id}/action',
    async () => {
      await sql('UPDATE services SET live_deployment_id = $2 WHERE id = $1', ids.service, ids.deployment);
      return { path: `/services/${ids.service}/action`, body: { action: 'restart' } };
    },
  ],
  ['POST /services/{id}/action', () => ({ path: `/services/${ids.service}/action`, body: { action: 'stop' } })],
  ['POST /services/{id}/action', () => ({ path: `/services/${ids.service}/action`, body: { action: 'start' } })],
  [
    'POST /services/{id}/executions',
    async () => {
      await sql('UPDATE services SET live_deployment_id = $2 WHERE id = $1', ids.cron, ids.deployment);
      return { path: `/services/${ids.cron}/executions` };
    },
  ],
  [
    'POST /services/{id}/domains',
    () => ({ path: `/services/${ids.service}/domains`, body: { hostname: 'www.audit.invalid' } }),
  ],
  [
    'PUT /services/{id}/domains/{domain_id}',
    async () => ({ path: `/services/${ids.service}/domains/${await domainId()}`, body: { redirect_https: false } }),
  ],
  [
    'DELETE /services/{id}/domains/{domain_id}',
    async () => ({ path: `/services/${ids.service}/domains/${await domainId()}` }),
  ],
  ['POST /user/tokens', () => ({ path: '/user/tokens', body: { name: 'ci', scopes: ['read'] } })],
  ['DELETE /user/tokens/{id}', async () => ({ path: `/user/tokens/${await newest('api_tokens')}` })],
  ['POST /projects/{id}/invitations', () => ({ path: invitePath(), body: { email: 'a@example.com', role: 'viewer' } })],
  [
    'DELETE /projects/{id}/invitations/{invitation_id}',
    async () => ({ path: `${invitePath()}/${await newest('invitations')}` }),
  ],
  [
    'POST /invitations/accept',
    async () => {
      const { token } = await call('POST', invitePath(), { email: guest.email, role: 'viewer' });
      return { path: '/invitations/accept', as: guest, body: { token }, secret: token };
    },
  ],
  [
    'PUT /projects/{id}/members/{user_id}',
    () => ({ path: `/projects/${ids.project}/members/${guest.id}`, body: { role: 'developer' } }),
  ],
  ['DELETE /projects/{id}/members/{user_id}', () => ({ path: `/projects/${ids.project}/members/${guest.id}` })],
  [
    'POST /registry-credentials',
    () => ({
      path: '/registry-credentials',
      body: { registry: 'registry.example.com', username: 'me', password: 's3cret password' },
    }),
  ],
  [
    'DELETE /registry-credentials/{id}',
    async () => ({ path: `/registry-credentials/${await newest('registry_credentials')}` }),
  ],
  [
    'POST /git/providers',
    () => {
      const { token } = standIns.gitea.user('me');
      const body = { type: 'gitea', base_url: standIns.gitea.baseUrl, access_token: token };
      return { path: '/git/providers', body, secret: token };
    },
  ],
  [
    'PATCH /git/providers/{providerId}',
    async () => {
      const token = standIns.gitea.token('me');
      return { path: `/git/providers/${await newest('git_providers')}`, body: { access_token: token }, secret: token };
    },
  ],
  ['DELETE /git/providers/{providerId}', async () => ({ path: `/git/providers/${await newest('git_providers')}` })],
  [
    'POST /builds',
    () => ({
      path: '/builds',
      body: {
        build_type: 'prebuilt',
        prebuilt_image: 'nginx:1.22',
        image_name: 'made',
        image_tag: 'v1',
        build_args: { TOKEN: 's3cret-build-argument' },
      },
    }),
  ],
  ['POST /builds/{id}/cancel', async () => ({ path: `/builds/${await newest('builds')}/cancel` })],
  [
    'POST /templates/{id}/deploy',
    () => ({
      path: '/templates/meilisearch/deploy',
      body: { project_id: ids.project, name: 'search', variables: { MASTER_KEY: 's3cret password' } },
    }),
  ],
  [
    'POST /projects/{id}/import/compose',
    () => ({
      path: `/projects/${ids.project}/import/compose`,
      body: { compose: 'services: { cache: { image: "redis:7", environment: { TOKEN: s3cret-build-argument } } }' },
    }),
  ],
  [
    'POST /databases',
    () => ({
      path: '/databases',
      body: { name: 'main', type: 'postgresql', plan: 'hobby', region: 'local', project_id: ids.project },
    }),
  ],
  [
    'PUT /databases/{id}',
    async () => ({ path: `${await databasePath()}`, body: { name: 'renamed', plan: 'starter' } }),
  ],
  [
    'POST /databases/{id}/action',
    async () => ({ path: `${await databasePath()}/action`, body: { action: 'restart' } }),
  ],
  [
    'POST /databases/{id}/link',
    async () => ({ path: `${await databasePath()}/link`, body: { service_id: ids.service } }),
  ],
  ['DELETE /databases/{id}/links/{service_id}', async () => ({ path: `${await databasePath()}/links/${ids.service}` })],
  [
    'POST /databases/{id}/password',
    async () => {
      await sql(`UPDATE databases SET status = 'running'`);
      return { path: `${await databasePath()}/password`, body: { password: 's3cret password' } };
    },
  ],
  [
    'PUT /databases/{id}/public-access',
    async () => ({ path: `${await databasePath()}/public-access`, body: { cidrs: [] } }),
  ],
  ['PUT /databases/{id}/backup-schedule', async () => ({ path: `${await databasePath()}/backup-schedule`, body: {} })],
  [
    'POST /databases/{id}/backup',
    async () => {
      await sql(`UPDATE databases SET status = 'running'`);
      return { path: `${await databasePath()}/backup` };
    },
  ],
  [
    'POST /databases/{id}/backups/{backup_id}/verify',
    async () => {
      await sql(`UPDATE backups SET status = 'completed'`);
      return { path: `${await backupPath()}/verify` };
    },
  ],
  [
    'POST /databases/{id}/restore',
    async () => ({ path: `${await databasePath()}/restore`, body: { backup_id: await newest('backups') } }),
  ],
  ['DELETE /databases/{id}/backups/{backup_id}', async () => ({ path: await backupPath() })],
  [
    'POST /backup-targets',
    () => ({
      path: '/backup-targets',
      body: { ...bucketOf(s3.options), name: 'offsite' },
      secret: s3.options.secretAccessKey,
    }),
  ],
  ['DELETE /backup-targets/{id}', async () => ({ path: `/backup-targets/${await newest('backup_targets')}` })],
  ['DELETE /databases/{id}', async () => ({ path: `${await databasePath()}?force=true` })],
  ['POST /databases/{id}/undelete', async () => ({ path: `${await databasePath()}/undelete` })],
  [
    'POST /databases/{id}/purge',
    async () => {
      await call('DELETE', `${await databasePath()}`);
      return { path: `${await databasePath()}/purge` };
    },
  ],
  ['POST /services/{id}/webhook', () => ({ path: `/services/${ids.hooked}/webhook` })],
  [
    'POST /services/{id}/webhook/deliveries/{delivery_id}/redeliver',
    async () => {
      const id = randomUUID();
      await sql(
        `INSERT INTO webhook_deliveries (id, hook_id, delivery_id, body_sha256, sender, event, payload, status)
         VALUES ($1, $2, 'x', '\\x00', 'github', 'push', '{"kind":"ping"}', 'failed')`,
        id,
        await newest('git_hooks'),
      );
      return { path: `/services/${ids.hooked}/webhook/deliveries/${id}/redeliver` };
    },
  ],
  ['POST /services/{id}/deploy-hook', () => ({ path: `/services/${ids.hooked}/deploy-hook` })],
  [
    'POST /deploy-hooks/{id}',
    async () => {
      const { url, secret } = await call('POST', `/services/${ids.hooked}/deploy-hook`);
      const path = new URL(url).pathname.replace('/api/v1', '');
      return { path, headers: { 'x-containr-deploy-secret': secret }, secret, nobody: true };
    },
  ],
  ['DELETE /services/{id}/deploy-hook', () => ({ path: `/services/${ids.hooked}/deploy-hook` })],
  [
    'POST /projects/{id}/webhooks',
    () => ({ path: `/projects/${ids.project}/webhooks`, body: { url: 'https://1.1.1.1/s3cret-in-a-path' } }),
  ],
  ['PUT /projects/{id}/webhooks/{webhook_id}', async () => ({ path: await webhookPath(), body: { enabled: false } })],
  [
    'POST /projects/{id}/webhooks/{webhook_id}/rotate-secret',
    async () => ({ path: `${await webhookPath()}/rotate-secret` }),
  ],
  ['POST /projects/{id}/webhooks/{webhook_id}/test', async () => ({ path: `${await webhookPath()}/test` })],
  [
    'POST /projects/{id}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay',
    async () => ({ path: `${await webhookPath()}/deliveries/${await newest('event_deliveries')}/replay` }),
  ],
  [
    'POST /projects/{id}/webhooks/{webhook_id}/resume',
    async () => {
      await sql('UPDATE webhook_endpoints SET failures = 20, paused_at = now()');
      return { path: `${await webhookPath()}/resume` };
    },
  ],
  ['DELETE /projects/{id}/webhooks/{webhook_id}', async () => ({ path: await webhookPath() })],
  [
    'PUT /services/{id}/previews',
    () => ({
      path: `/services/${ids.service}/previews`,
      body: { enabled: true, variables: { KEY: { value: 's3cret-variable-value', secret: true } } },
    }),
  ],
  [
    'POST /services/{id}/previews/{number}/approve',
    async () => {
      const commit = 'a'.repeat(40);
      await sql(
        `INSERT INTO previews (id, parent_id, number, title, repository, branch, head_commit, is_fork, expires_at)
         VALUES (gen_random_uuid(), $1, 1, 'T', 'https://github.com/a/b', 'b', $2, true, now() + interval '1 hour')`,
        ids.service,
        commit,
      );
      return { path: `/services/${ids.service}/previews/1/approve`, body: { commit_hash: commit } };
    },
  ],
  ['DELETE /services/{id}', () => ({ path: `/services/${ids.cron}` })],
  ['DELETE /projects/{id}', () => ({ path: `/projects/${ids.project}` })],
];

beforeAll(async () => {
  standIns = await startGitProviders();
  api = await testApi({ environment: { CONTAINR_EGRESS_ALLOW: '127.0.0.1/32' } });
  s3 = await startS3();
  admin = await api.user();
  guest = await api.user();
  const project = (await call('POST', '/projects', { name: 'P' })).id;
  const volumes = [{ name: 'data', mount_path: '/data' }];
  const web = await call('POST', `/projects/${project}/services`, { name: 'web', type: 'web', volumes });
  const job = { name: 'job', type: 'cron', schedule: '0 0 * * *' };
  const cron = (await call('POST', `/projects/${project}/services`, job)).id;
  const deployment = (await call('POST', `/services/${web.id}/deployments`, { branch: 'other' })).id;
  const source = { type: 'git', repository: 'https://10.255.255.1/team/app' };
  const hooked = (await call('POST', `/projects/${project}/services`, { name: 'hooked', type: 'web', source })).id;
  ids = { project, service: web.id, cron, hooked, volume: web.volumes[0].id, deployment };
});
afterAll(async () => {
  await api?.close();
  await standIns?.close();
  await s3?.close();
});

function mutations(): string[] {
  const { paths } = createOpenApi(api.app);
  const all = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  return all.filter((operation) => !operation.startsWith('GET ') && !(operation in NOTHING_CHANGES));
}

it('every mutation is called below', () => {
  const called = new Set(CALLS.map(([operation]) => operation));
  expect(mutations().filter((operation) => !called.has(operation))).toEqual([]);
});

it('every mutation leaves a row without secrets', async () => {
  for (const [operation, prepare] of CALLS) {
    const { path, body, as = admin, secret, headers, nobody } = await prepare();
    const [before] = await sql('SELECT count(*) AS n FROM audit_logs');
    const answer = await api.request(operation.split(' ', 1)[0] as string, path, {
      ...(nobody ? {} : { as }),
      body,
      headers: headers ?? {},
    });
    expect([operation, answer.statusCode < 300, answer.statusCode < 300 ? '' : answer.body]).toEqual([
      operation,
      true,
      '',
    ]);
    const rows = await sql('SELECT * FROM audit_logs ORDER BY created_at, seq OFFSET $1', before?.n);
    expect([operation, rows.length]).toEqual([operation, expect.any(Number)]);
    expect(rows.length).toBeGreaterThanOrEqual(1);
    for (const row of rows) {
      const user = nobody ? null : expect.any(String);
      expect(row).toMatchObject({ user_id: user, ip_address: '127.0.0.1', user_agent: 'lightMyRequest' });
      const shown = answer.body ? [answer.json().token, answer.json().secret] : [];
      const secrets = [...SECRETS, ...shown, secret].filter(Boolean);
      for (const text of secrets) expect(JSON.stringify(row)).not.toContain(text);
    }
  }
});

it('all of it is one chain that holds', async () => {
  const [{ total }] = [await call('GET', '/audit-logs')];
  expect(total).toBeGreaterThan(20);
  expect(await call('GET', '/audit-logs/verify')).toMatchObject({ valid: true, checked: total });
});
