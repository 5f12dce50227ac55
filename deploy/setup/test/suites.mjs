// Which suites run, what they need, and what their results add up to. Pure.

/** Sizes of docs/testing.md. `together`: run in one go, side by side; the others after them, alone. */
export const SUITES = {
  small: { together: true, servers: false, docker: false, build: false },
  medium: { together: true, servers: true, docker: false, build: false },
  real: { together: true, servers: true, docker: true, build: false },
  e2e: { together: false, servers: true, docker: true, build: true },
  chaos: { together: false, servers: true, docker: true, build: true },
};

/** @param {string[]} args names of suites and patterns of paths, in any order; no name: all suites */
export function selection(args) {
  const named = Object.keys(SUITES).filter((name) => args.includes(name));
  const names = named.length ? named : Object.keys(SUITES);
  const needs = (what) => names.some((name) => SUITES[name][what]);
  const groups = [
    names.filter((name) => SUITES[name].together),
    ...names.filter((name) => !SUITES[name].together).map((name) => [name]),
  ];
  return {
    groups: groups.filter((group) => group.length),
    patterns: args.filter((arg) => !(arg in SUITES)),
    servers: needs('servers'),
    docker: needs('docker'),
    build: needs('build'),
  };
}

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** From jest's --json. A file that does not even load has no tests that could fail: it counts as one. @returns {Counts} */
export function countsOf(report) {
  if (report === null) return { passed: 0, failed: 1, skipped: 0 };
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** @param {Counts[]} all @returns {Counts} */
export const total = (all) =>
  all.reduce(
    (sum, one) => ({
      passed: sum.passed + one.passed,
      failed: sum.failed + one.failed,
      skipped: sum.skipped + one.skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );

/** The closing line that machines read: what was skipped is said before it. */
export const closingLine = ({ passed, failed }) => `${passed} passed, ${failed} failed`;

/** What is absent here, for example an image that cannot be made. */
export const skippedLine = ({ skipped }) => (skipped ? `, ${skipped} skipped` : '');

/** Green needs at least one test that ran. @param {Counts} counts */
export const isGreen = ({ passed, failed }) => failed === 0 && passed > 0;
