/** The plain-JavaScript parts of the bench that are pure. */
// biome-ignore lint/suspicious/noExplicitAny: plain JavaScript without types
const load = (name: string): any => jest.requireActual(`./${name}`);

describe('pairs', () => {
  const { median, percentile, ratios, differences, summary, ratioLine, boundLine } = load('pairs.mjs');

  it('finds medians and percentiles of unsorted samples', () => {
    expect(median([10, 2, 9])).toBe(9);
    expect(median([1, 4, 2, 3])).toBe(2.5);
    expect(percentile([30, 10, 20], 0)).toBe(10);
    expect(percentile([30, 10, 20], 100)).toBe(30);
    expect(percentile([30, 10, 20], 75)).toBe(25);
    expect(() => median([])).toThrow('no samples');
  });

  it('compares each sample with its own partner', () => {
    expect(ratios([1, 100], [2, 100])).toEqual([2, 1]);
    expect(differences([1, 100], [2, 100])).toEqual([1, 0]);
    expect(() => ratios([1], [1, 2])).toThrow('not pairs');
    expect(summary([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  });

  it.each([
    [{ atMost: 1.2 }, '<= 1.2x', true],
    [{ atMost: 1.1 }, '<= 1.1x', false],
    [{ atLeast: 1.2 }, '>= 1.2x', true],
    [{ atLeast: 1.25 }, '>= 1.25x', false],
  ])('judges the median of the ratios: %j', (bound, goal, ok) => {
    const measured = { label: 'x', unit: 'ms', floor: [10, 10, 10], ours: [12, 12, 100] };
    expect(ratioLine({ ...measured, ...bound })).toMatchObject({ goal, ok, ratio: { median: 1.2, min: 1.2, max: 10 } });
  });

  it('judges one number of the samples', () => {
    const measured = { label: 'x', unit: 'ms', ours: [1, 2, 30], atMost: 2 };
    expect(boundLine(measured)).toMatchObject({ goal: '<= 2 ms', ok: true, floor: null });
    expect(boundLine({ ...measured, percent: 100 })).toMatchObject({ ok: false, note: 'p100: 30.0' });
  });
});

describe('interleave', () => {
  const { interleave } = load('interleave.mjs');
  const signal = new AbortController().signal;

  it('alternates which goes first and throws the warm-up away', async () => {
    const order: string[] = [];
    const take = (which: string, value: number) => async (index: number) => {
      order.push(which + index);
      return value + index;
    };
    const taken = await interleave({
      pairs: 2,
      warmup: 1,
      signal,
      say: () => {},
      floor: take('f', 10),
      ours: take('o', 20),
    });
    expect(order).toEqual(['f0', 'o0', 'o1', 'f1', 'f2', 'o2']);
    expect(taken).toEqual({ floor: [11, 12], ours: [21, 22] });
  });

  it('stops when it is asked to', async () => {
    const sample = async () => 1;
    const options = {
      pairs: 1,
      signal: AbortSignal.abort(new Error('stopped')),
      say: () => {},
      floor: sample,
      ours: sample,
    };
    await expect(interleave(options)).rejects.toThrow('stopped');
  });
});

describe('the table', () => {
  const { textTable, markdownTable, allMet, short } = load('table.mjs');
  const good = {
    label: 'a|b',
    unit: 'ms',
    floor: [1, 2, 3],
    ours: [2, 4, 6],
    goal: '<= 2x',
    ok: true,
    ratio: { median: 2, min: 2, max: 2 },
  };
  const bad = { label: 'c', unit: 'MB', floor: null, ours: [150], goal: '<= 130 MB', ok: false };

  it('shows medians and ranges', () => {
    const [, , first, second] = textTable([{ name: 'x', lines: [good, bad] }]).split('\n');
    expect(first).toMatch(
      /^x {4}a\|b +2\.00 \[1\.00-3\.00\] ms +4\.00 \[2\.00-6\.00\] ms +2\.00 \[2\.00-2\.00\] +<= 2x +ok$/,
    );
    expect(second).toMatch(/^x {4}c +- +150 \[150-150\] MB +- +<= 130 MB +MISSED$/);
  });

  it('escapes what would break a Markdown table', () => {
    expect(markdownTable([{ name: 'x', lines: [good] }])).toContain('| x | a\\|b | 2.00 [1.00-3.00] ms |');
  });

  it('keeps three digits', () => {
    expect([0, 0.01234, 1.234, 12.34, 123.4, 12345].map(short)).toEqual(['0', '0.012', '1.23', '12.3', '123', '12345']);
  });

  it('is green only when every line is, and nothing broke', () => {
    expect(allMet([{ name: 'x', lines: [good] }])).toBe(true);
    expect(allMet([{ name: 'x', lines: [], skipped: 'no table' }])).toBe(true);
    expect(allMet([{ name: 'x', lines: [good, bad] }])).toBe(false);
    expect(allMet([{ name: 'x', lines: [good], error: 'broke' }])).toBe(false);
  });
});

describe('options', () => {
  const { parseOptions } = load('options.mjs');
  const parse = (text: string) => parseOptions(text.split(' ').filter(Boolean), ['deploy', 'build']);

  it('runs all rows, or those named', () => {
    expect(parse('')).toEqual({ names: ['deploy', 'build'], pairs: 9, write: false });
    expect(parse('build --pairs 20 --write')).toEqual({ names: ['build'], pairs: 20, write: true });
  });

  it.each(['nosuch', '--pairs', '--pairs 8', '--pairs x', '--wirte'])('refuses %s', (text) => {
    expect(() => parse(text)).toThrow();
  });
});

describe('the report', () => {
  const { replaceTable } = load('report.mjs');
  const page = (table: string) =>
    `# Page\n<!-- table: written by \`npm run bench -- --write\` -->\n\n${table}\n\n<!-- end of table -->\nEnd.\n`;

  it('replaces what stands between the markers', () => {
    expect(replaceTable(page('old'), 'new')).toBe(page('new'));
    expect(() => replaceTable('# Page', 'new')).toThrow('markers');
  });
});
