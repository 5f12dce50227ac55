// npm run check: everything short of the tests. Format, lint, types, boundaries, generated files; all of it, then the verdict.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ensureBuild, ensureGenerated, ensurePackages, ROOT } from '../deploy/setup/lib/packages.mjs';

const bin = (name) => path.join(ROOT, 'node_modules/.bin', name);

/** Name, command, arguments. What can run side by side stands in one group. */
const GROUPS = [
  [
    ['format and lint', bin('biome'), ['ci', '--reporter=summary', '.']],
    ['types', bin('tsc'), ['--noEmit', '-p', 'tsconfig.test.json']],
  ],
  [['boundaries', bin('depcruise'), ['--config', 'dependency-cruiser.config.cjs', 'apps', 'libs']]],
  [
    ['openapi.json', process.execPath, ['tools/generate-openapi.mjs', '--check']],
    ['migrations', process.execPath, ['tools/check-migrations.mjs']],
    ['configuration docs', process.execPath, ['tools/generate-config-docs.mjs', '--check']],
  ],
];

/** Output is shown only of what failed. */
function run([name, command, args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.once('error', (error) => resolve({ name, ok: false, text: error.message }));
    child.once('close', (code) => resolve({ name, ok: code === 0, text: Buffer.concat(output).toString() }));
  });
}

await ensurePackages();
await ensureGenerated();
await ensureBuild();
let failed = 0;
for (const group of GROUPS) {
  for (const { name, ok, text } of await Promise.all(group.map(run))) {
    console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name}`);
    if (!ok) console.log(text);
    if (!ok) failed += 1;
  }
}
process.exitCode = failed === 0 ? 0 : 1;
