import { BoundedTail } from './bounded-tail.js';

const length = (text: string) => text.length;

it('keeps the last items, however many come', () => {
  const tail = new BoundedTail<string>(3, 1000, length);
  for (let item = 0; item < 10_000; item += 1) tail.push(String(item));
  expect(tail.items()).toEqual(['9997', '9998', '9999']);
  expect(tail.cut).toBe(false);
});

it('keeps as many bytes as allowed, and says that it dropped items for them', () => {
  const tail = new BoundedTail<string>(100, 10, length);
  for (const item of ['aaaa', 'bbbb', 'cccc']) tail.push(item);
  expect(tail.items()).toEqual(['bbbb', 'cccc']);
  expect(tail.cut).toBe(true);
  tail.push('x'.repeat(11));
  expect(tail.items()).toEqual([]);
  tail.push('d');
  expect(tail.items()).toEqual(['d']);
});
