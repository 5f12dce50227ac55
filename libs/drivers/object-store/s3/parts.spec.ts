import { partsOf } from './parts.js';

async function* of(...chunks: string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function cut(...chunks: string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { part, last } of partsOf(of(...chunks), 4)) found.push(`${Buffer.from(part)}${last ? '.' : ''}`);
  return found;
}

it.each([
  [[], ['.']],
  [['abc'], ['abc.']],
  [['ab', 'cd'], ['abcd.']],
  [
    ['ab', 'cde'],
    ['abcd', 'e.'],
  ],
  [['abcdefghij'], ['abcd', 'efgh', 'ij.']],
  [
    ['abcd', '', 'efgh'],
    ['abcd', 'efgh.'],
  ],
])('cuts %p', async (chunks, parts) => {
  expect(await cut(...chunks)).toEqual(parts);
});
