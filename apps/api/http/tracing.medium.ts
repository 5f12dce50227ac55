/** Traces of requests, as a collector receives them. */
import { createOtlpReceiver, type OtlpReceiver } from '#platform/testing/otlp-receiver.js';
import { TRACING } from '#platform/tracing.js';
import { type TestApi, testApi } from '../../../test/factories/api.js';

let collector: OtlpReceiver;
let api: TestApi;

beforeAll(async () => {
  collector = await createOtlpReceiver();
});
afterAll(() => collector.close());

it('a request is a span of the client’s trace, and names the run that it caused', async () => {
  api = await testApi({ environment: { CONTAINR_OTEL_ENDPOINT: collector.endpoint } });
  const owner = await api.user();
  const project = (await api.request('POST', '/projects', { as: owner, body: { name: 'P' } })).json().id;
  const body = { name: 'web', type: 'web', source: { type: 'image', image: 'nginx:1.22' } };
  const created = await api.request('POST', `/projects/${project}/services`, { as: owner, body });
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  const service = created.json().id;
  const deployed = await api.request('POST', `/services/${service}/deployments`, { as: owner, headers, body: {} });
  expect([created.statusCode, deployed.statusCode]).toEqual([201, 201]);
  await api.app.inject({ method: 'GET', url: '/livez' });
  const [run] = await api.database.query<{ id: string }>("SELECT id FROM runs WHERE workflow = 'deployment'");
  await api.close();

  const span = collector.spans.find(({ name }) => name === 'POST /api/v1/services/:id/deployments');
  expect(span).toMatchObject({ service: 'containr-api', traceId, parentSpanId: 'b7ad6b7169203331', status: 0 });
  expect(span?.attributes).toMatchObject({
    'http.route': '/api/v1/services/:id/deployments',
    'http.response.status_code': 201,
    'containr.request_id': deployed.headers['x-request-id'],
    'containr.run_id': run?.id,
  });
  expect(span?.links).toEqual([
    { traceId: run?.id.replaceAll('-', ''), spanId: run?.id.replaceAll('-', '').slice(16) },
  ]);
  expect(collector.spans.map(({ name }) => name).filter((name) => name.includes('livez'))).toEqual([]);
});

it('without an endpoint nothing is traced', async () => {
  const plain = await testApi();
  expect(plain.app.get(TRACING)).toBeNull();
  await plain.close();
});
