// Fails on a migration that the version before it could not live with: both run beside each other during an upgrade.
// The first migration made everything, so it is free. docs/checklists/changing-the-schema.md says what to do instead.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMigrations } from './migrate.mjs';
import { incompatibilities } from './migration-rules.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
const [, ...later] = readMigrations(process.argv[2] ?? path.join(ROOT, 'prisma/migrations'));
let wrong = 0;
for (const { name, sql } of later) {
  for (const found of incompatibilities(sql, version)) {
    wrong += 1;
    console.error(
      `${name}: ${found.sql.slice(0, 200)}\n  ${found.advice}\n  See docs/checklists/changing-the-schema.md.`,
    );
  }
}
if (wrong === 0) console.log(`${later.length} migrations leave the version before them working`);
process.exitCode = wrong === 0 ? 0 : 1;
