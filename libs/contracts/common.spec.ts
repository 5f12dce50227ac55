import { multiLine, paginationOf, singleLine } from './common.js';

describe('text that people type', () => {
  const name = singleLine(1, 5);
  it.each(['a', '12345', '🚀🚀🚀🚀🚀', 'Größe', '中文'])('takes %j', (text) =>
    expect(name.safeParse(text).success).toBe(true));
  it.each(['', '   ', '123456', '🚀🚀🚀🚀🚀🚀', 'a\u0000', 'a\u001b', 'a\nb', 'a\u0085'])('refuses %j', (text) =>
    expect(name.safeParse(text).success).toBe(false));
  it('trims first', () => expect(name.parse('  abcde  ')).toBe('abcde'));
  it('allows lines and tabs in long text only', () => {
    expect(multiLine(9).safeParse('a\r\n\tb').success).toBe(true);
    expect(multiLine(9).safeParse('a\u0007').success).toBe(false);
    expect(multiLine(9).safeParse('1234567890').success).toBe(false);
  });
});

it.each([
  [0, 0],
  [1, 1],
  [20, 1],
  [21, 2],
])('%d items fill %d pages', (total, pages) => {
  expect(paginationOf({ page: 1, limit: 20 }, total).total_pages).toBe(pages);
});
