import { randomUUID } from 'node:crypto';
import { Invalid } from '#platform/errors.js';
import { builderConformance, requestFor } from './conformance.js';
import { FakeBuilder } from './fake.js';

let builder = new FakeBuilder();
beforeEach(() => {
  builder = new FakeBuilder();
});

builderConformance('fake', () => ({
  builder,
  good: 'FROM base:1\nCOPY app.txt /\n',
  failing: 'FROM base:1\nRUN echo about to fail; exit 3\n',
  endless: 'FROM base:1\nRUN sleep infinity\n',
  withArg: 'FROM base:1\nARG COLOUR\nRUN echo colour=$COLOUR\n',
  exists: async (tag) => builder.images.has(tag),
  tag: () => `fake/${randomUUID()}:1`,
}));

describe('FakeBuilder', () => {
  const never = new AbortController().signal;

  it('fails once on demand, after it recorded the build', async () => {
    builder.failNext(new Invalid('build_failed', 'on demand'));
    await expect(builder.build(requestFor('FROM a\n', 'a:1'), never)).rejects.toMatchObject({ message: 'on demand' });
    await expect(builder.build(requestFor('FROM a\n', 'a:1'), never)).resolves.toMatchObject({
      id: expect.any(String),
    });
    expect(builder.builds).toHaveLength(2);
    expect(builder.builds[0]?.files).toMatchObject({ Dockerfile: 'FROM a\n' });
  });

  it('gives equal contexts the same image id and others another', async () => {
    const first = await builder.build(requestFor('FROM a\n', 'same:1'), never);
    const again = await builder.build(requestFor('FROM a\n', 'same:1'), never);
    const other = await builder.build(requestFor('FROM b\n', 'same:1'), never);
    expect(again.id).toBe(first.id);
    expect(other.id).not.toBe(first.id);
  });

  it('holds builds until released', async () => {
    const release = builder.hold();
    const building = builder.build(requestFor('FROM a\n', 'held:1'), never);
    const first = await Promise.race([
      building.then(() => 'built'),
      new Promise((resolve) => setImmediate(() => resolve('held'))),
    ]);
    expect(first).toBe('held');
    release();
    await expect(building).resolves.toBeDefined();
  });
});
