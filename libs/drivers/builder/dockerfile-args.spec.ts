import { declaredArgs } from './dockerfile-args.js';

describe('declaredArgs', () => {
  it.each([
    ['ARG A', ['A']],
    ['arg A=1\nFROM x\nARG B="x y" C=\'z w\' D', ['A', 'B', 'C', 'D']],
    ['ARG A=$B', ['A']],
    ['FROM x\nARG \\\n  A=1 \\\n  # a comment\n\n  B', ['A', 'B']],
    ['# escape=`\nFROM x\nARG A `\n  B\nARG C=a\\', ['A', 'B', 'C']],
    ['# ARG A\nRUN echo ARG B\nENV ARG=1', []],
    ['  ARG A\r\nARG B\r\n', ['A', 'B']],
    ['\uFEFFARG A', ['A']],
    ['ARG A\nARG A', ['A']],
    ['ARG', []],
    ['ARG 1x', []],
    ['ARG A=b\\ c D', ['A', 'D']],
    ['RUN x \\\nARG A', []],
  ])('%j declares %j', (dockerfile, names) => {
    expect(declaredArgs(dockerfile)).toEqual(names);
  });
});
