/** Generated from the OpenAPI document: every operation, called as nobody and as a stranger with ids that exist. */
import { randomUUID } from 'node:crypto';
import { createOpenApi } from '../apps/api/http/openapi.js';
import { type TestApi, type TestUser, testApi } from './factories/api.js';

let api: TestApi;
let owner: TestUser;
let stranger: TestUser;
let ids: Record<string, string>;

interface Operation {
  method: string;
  path: string;
  open: boolean;
}

/** Answered for everybody who is signed in, or only for the administrator; no id of somebody else is in them. */
const WITHOUT_IDS = (path: string) => !path.includes('{');

beforeAll(async () => {
  api = await testApi();
  owner = await api.user();
  stranger = await api.user();
  const project = (await api.request('POST', '/projects', { as: owner, body: { name: 'P' } })).json();
  const body = { name: 'web', type: 'web', volumes: [{ name: 'data', mount_path: '/data' }] };
  const service = (await api.request('POST', `/projects/${project.id}/services`, { as: owner, body })).json();
  const deployment = (await api.request('POST', `/services/${service.id}/deployments`, { as: owner })).json();
  ids = { projects: project.id, services: service.id, deployments: deployment.id, volumes: service.volumes[0].id };
});
afterAll(() => api.close());

function operations(): Operation[] {
  const { paths } = createOpenApi(api.app);
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, { security?: object[] }>).map(([method, { security }]) => ({
      method: method.toUpperCase(),
      path,
      open: !security?.length,
    })),
  );
}

/** `/services/{id}/logs` -> with the id of the owner's service. */
function addressed(path: string): string {
  const noun = path.split('/')[1] as string;
  return path.replace(/\{[^}]+\}/, ids[noun] ?? randomUUID());
}

it('nobody gets in, except where the door is open on purpose', async () => {
  const open = operations().filter((operation) => operation.open);
  expect(open.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
    'GET /health',
    'POST /auth/login',
    'POST /auth/register',
  ]);
  for (const { method, path } of operations().filter((operation) => !operation.open)) {
    const answer = await api.request(method, addressed(path), { body: method === 'GET' ? undefined : {} });
    expect([method, path, answer.statusCode]).toEqual([method, path, 401]);
  }
});

/** Bodies that pass the form, so that the answer is about access. */
const BODIES: Record<string, object> = {
  'POST /projects/{project_id}/services': { name: 'x', type: 'web' },
  'POST /services/{id}/action': { action: 'stop' },
  'POST /deployments/{id}/resolve': { decision: 'retry' },
  'PUT /services/{id}/variables': { variables: {} },
};

it('a stranger finds nothing of what is not his', async () => {
  const own = operations().filter(({ path }) => !WITHOUT_IDS(path));
  expect(own.length).toBeGreaterThan(15);
  for (const { method, path } of own) {
    const body = method === 'GET' || method === 'DELETE' ? undefined : (BODIES[`${method} ${path}`] ?? {});
    const answer = await api.request(method, addressed(path), { as: stranger, body });
    expect([method, path, answer.statusCode]).toEqual([method, path, 404]);
    expect(answer.json()).toMatchObject({ code: expect.stringMatching(/_not_found$/), error: expect.any(String) });
  }
});
