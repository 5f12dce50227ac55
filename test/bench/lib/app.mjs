// The small app that the rows deploy: deploy/example-app with another message each time.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../../deploy/setup/lib/packages.mjs';

/** @param {string} dir is made */
export function copyApp(dir) {
  cpSync(path.join(ROOT, 'deploy/example-app'), dir, { recursive: true });
}

/** Changes the one source line that the app answers with. @param {string} dir @param {string} message without quotes */
export function changeMessage(dir, message) {
  const file = path.join(dir, 'server.mjs');
  const text = readFileSync(file, 'utf8').replace(/^const message = .*$/m, `const message = '${message}';`);
  if (!text.includes(message)) throw new Error(`${file} has no line "const message = ..."`);
  writeFileSync(file, text);
}
