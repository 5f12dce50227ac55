// The small apps that the rows deploy.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pack } from 'tar-stream';
import { ROOT } from '../../../deploy/setup/lib/packages.mjs';

const EXAMPLE = path.join(ROOT, 'deploy/example-app');
const MESSAGE = /^const message = .*$/m;

/** deploy/example-app. @param {string} dir is made */
export function copyApp(dir) {
  cpSync(EXAMPLE, dir, { recursive: true });
}

/** Changes the one source line that the app answers with. @param {string} dir @param {string} message without quotes */
export function changeMessage(dir, message) {
  const file = path.join(dir, 'server.mjs');
  writeFileSync(file, readFileSync(file, 'utf8').replace(MESSAGE, `const message = '${message}';`));
}

/** The same as a build context. @param {string} message @returns {import('node:stream').Readable} tar */
export function appContext(message) {
  const tar = pack();
  const source = readFileSync(path.join(EXAMPLE, 'server.mjs'), 'utf8');
  tar.entry({ name: 'Dockerfile' }, readFileSync(path.join(EXAMPLE, 'Dockerfile')));
  tar.entry({ name: 'server.mjs' }, source.replace(MESSAGE, `const message = '${message}';`));
  tar.finalize();
  return tar;
}

/**
 * Answers `{ version, healthyAt }`: when, by its own clock, it first answered the health check with 200.
 * @param {string} dir is made @param {{ version: string, listensAfter: number }} wish listensAfter: ms from start to listening
 */
export function writeTellingApp(dir, { version, listensAfter }) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(
    path.join(dir, 'Dockerfile'),
    ['FROM node:20-bookworm-slim', 'WORKDIR /app', 'COPY server.mjs .', 'CMD ["node", "server.mjs"]', ''].join('\n'),
  );
  writeFileSync(
    path.join(dir, 'server.mjs'),
    `import http from 'node:http';
let healthyAt = null;
const server = http.createServer((request, response) => {
  if (request.url === '/health') {
    response.end('ok');
    healthyAt ??= Date.now();
  } else response.end(JSON.stringify({ version: '${version}', healthyAt }));
});
setTimeout(() => server.listen(process.env.PORT), ${listensAfter});
process.once('SIGTERM', () => server.close());
`,
  );
}
