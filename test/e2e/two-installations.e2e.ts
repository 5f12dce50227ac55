/** Two installations on one Docker Engine do not touch each other. */
import { app } from './apps.js';
import { World } from './harness.js';
import { until } from './until.js';
import { ask } from './visitors.js';

jest.setTimeout(240_000);

const worlds: World[] = [];
beforeAll(async () => {
  for (const world of await Promise.allSettled([World.start(), World.start()])) {
    if (world.status === 'rejected') throw world.reason;
    worlds.push(world.value);
  }
});
afterAll(async () => {
  for (const world of worlds) await world.close();
});

const deployIn = async (world: World, version: string) => {
  const { url } = await world.remotes.create(app({ version }));
  const service = await world.service(await world.project('Same name'), { name: 'Web', source: { repository: url } });
  await world.live(service);
  return service;
};

it('the same project and service in both, one of them deleted and stopped', async () => {
  const [left, right] = worlds as [World, World];
  const [ours, theirs] = await Promise.all([deployIn(left, 'left'), deployIn(right, 'right')]);
  expect(await ask(left.httpPort, ours)).toMatchObject({ version: 'left' });
  expect(await ask(right.httpPort, theirs)).toMatchObject({ version: 'right' });
  const before = [await right.things.all(), await right.things.containers()];

  // A round of the reconciler of the left one, which sees the containers of both.
  const [container] = await left.things.containers();
  await left.things.docker.getContainer(container?.id ?? '').remove({ force: true });
  const healed = async () => (await ask(left.httpPort, ours).catch(() => null))?.version === 'left';
  await until(healed, { what: 'the left one to be healed', within: 30_000 });
  expect([await right.things.all(), await right.things.containers()]).toEqual(before);

  worlds.shift();
  await left.close();
  expect(await left.things.all()).toEqual([]);
  expect([await right.things.all(), await right.things.containers()]).toEqual(before);
  expect(await ask(right.httpPort, theirs)).toMatchObject({ version: 'right' });
});
