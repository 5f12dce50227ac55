// Writes .env.example and docs/configuration.md from the config schema (built). `--check` only compares and fails on a difference.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { configSchema } = await import('../dist/libs/platform/config.js');
const { describeConfig, envExample, configPage } = await import('../dist/libs/platform/config-docs.js');

const settings = describeConfig(configSchema);
const files = { '.env.example': envExample(settings), 'docs/configuration.md': configPage(settings) };
const check = process.argv.includes('--check');
let stale = 0;
for (const [name, text] of Object.entries(files)) {
  const file = path.join(root, name);
  if (!check) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    console.log(`wrote ${name}`);
  } else if (read(file) !== text) {
    console.error(
      `${name} does not match libs/platform/config.ts: run \`node tools/generate-config-docs.mjs\` and commit it.`,
    );
    stale += 1;
  }
}
process.exit(stale > 0 ? 1 : 0);

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}
