// What the set-up says on the terminal, and the one error class that is shown without a stack trace.

/** Something a person has to change; `lines` is printed as it is. Anything else that is thrown is a defect and keeps its stack. */
export class SetupError extends Error {
  /** @param {string | string[]} lines @param {unknown} [cause] */
  constructor(lines, cause) {
    super([lines].flat().join('\n'), { cause });
    this.name = 'SetupError';
  }
}

export const say = (line) => process.stdout.write(`${line}\n`);
export const warn = (line) => process.stderr.write(`${line}\n`);

/** Runs `main`, prints a SetupError as plain lines and everything else with its stack, and sets the exit code. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    warn(error instanceof SetupError ? error.message : (error?.stack ?? String(error)));
    process.exitCode = 1;
  }
}
