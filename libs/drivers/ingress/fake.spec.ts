import { describeIngress } from './conformance.js';
import { FakeIngress } from './fake.js';

describeIngress('fake', async () => {
  const ingress = new FakeIngress();
  return {
    ingress,
    visit: async (host) => ingress.served(host),
    takeDown: async () => {
      ingress.up = false;
    },
    close: async () => undefined,
  };
});

test('records changes, not repetitions', async () => {
  const ingress = new FakeIngress();
  const route = { id: 'a', hosts: ['a.com'], upstreams: ['10.0.0.1:80'] };
  await ingress.ensure(route);
  await ingress.ensure(route);
  await ingress.ensureAbsent('a');
  expect(ingress.changes.map(({ kind }) => kind)).toEqual(['ensure', 'ensureAbsent']);
});
