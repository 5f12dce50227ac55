import { archiveFacts, differences } from './facts.js';

const table = (name: string, rows = 1, checksum = 'a') => ({ name, rows, checksum });

it('keeps what was the same before and after the dump, and names the rest', () => {
  const before = [table('calm'), table('busy', 5), table('edited'), table('dropped')];
  const after = [table('calm'), table('busy', 6), table('edited', 1, 'b'), table('made')];
  expect(archiveFacts(before, after)).toEqual({
    tables: [table('calm')],
    changed: ['busy', 'dropped', 'edited', 'made'],
  });
});

it.each([
  ['nothing', [table('calm', 3), table('busy', 99)], []],
  ['a changed table that is missing: it may have been dropped', [table('calm', 3)], []],
  ['a missing table', [table('busy')], ['calm is missing']],
  ['missing rows', [table('calm', 2)], ['calm has 2 rows instead of 3']],
  ['other content', [table('calm', 3, 'x')], ['calm has other content']],
  ['a table too many', [table('calm', 3), table('odd')], ['odd was not there']],
])('finds %s', (_what, restored, wrong) => {
  expect(differences({ tables: [table('calm', 3)], changed: ['busy'] }, restored)).toEqual(wrong);
});

it('does not list hundreds', () => {
  const tables = Array.from({ length: 500 }, (_, index) => table(`t${index}`));
  expect(differences({ tables, changed: [] }, [])).toHaveLength(10);
});
