import { type CollectableImage, planCollection } from './images.plan.js';

const image = (id: string, age: number, fields: Partial<CollectableImage> = {}): CollectableImage => ({
  id,
  serviceId: 's1',
  createdAt: new Date(1_000_000 - age),
  bytes: 10,
  needed: false,
  ...fields,
});

it('does nothing within the budget', () => {
  expect(planCollection([image('a', 1), image('b', 2)], { budgetBytes: 20, missingBytes: 0 })).toEqual(new Map());
});

it('takes the oldest first, over all services, and no more than it must', () => {
  const images = [image('new', 1), image('old', 9), image('mid', 5, { serviceId: 's2' }), image('older', 10)];
  expect(planCollection(images, { budgetBytes: 11, missingBytes: 0 })).toEqual(
    new Map([
      ['s1', ['older', 'old']],
      ['s2', ['mid']],
    ]),
  );
});

it('never takes what is needed, even when the budget cannot be met', () => {
  const images = [image('live', 10, { needed: true }), image('old', 9)];
  expect(planCollection(images, { budgetBytes: 0, missingBytes: 0 })).toEqual(new Map([['s1', ['old']]]));
});

it('goes on below the budget for what the disk misses', () => {
  const images = [image('a', 3), image('b', 2), image('c', 1)];
  expect(planCollection(images, { budgetBytes: 100, missingBytes: 15 })).toEqual(new Map([['s1', ['a', 'b']]]));
});

it('does not stop at images that free nothing by themselves', () => {
  const images = [image('a', 3, { bytes: 0 }), image('b', 2)];
  expect(planCollection(images, { budgetBytes: 5, missingBytes: 0 })).toEqual(new Map([['s1', ['a', 'b']]]));
});
