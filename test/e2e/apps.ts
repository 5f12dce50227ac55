/** Small applications that the stories deploy. */
import { randomUUID } from 'node:crypto';
import type { FakeFiles } from '#drivers/source/fake.js';

const BASE = 'node:20-bookworm-slim';

export interface AppWish {
  version: string;
  /** Lines of the Dockerfile before COPY. */
  build?: string[];
  /** Milliseconds between start and listening. */
  listensAfter?: number;
  /** Expression for the port. */
  port?: string;
  /** Milliseconds that it goes on after the stop signal. */
  lingers?: number;
  /** JavaScript instead of a server. */
  instead?: string;
}

/** Every story's images are its own: a cached layer would make a slow build fast. */
export const nonce = (): string => randomUUID();

/** Answers every request with who it is; `/slow` takes 4 seconds. */
export function app(wish: AppWish): FakeFiles {
  return {
    Dockerfile: dockerfile(...(wish.build ?? []), 'COPY server.js .', 'CMD ["node", "server.js"]'),
    'server.js': wish.instead ?? server(wish),
  };
}

export const dockerfile = (...lines: string[]): string => [`FROM ${BASE}`, 'WORKDIR /app', ...lines, ''].join('\n');

const server = ({ version, listensAfter = 0, port = 'process.env.PORT', lingers = 0 }: AppWish): string => `
const { createServer } = require('node:http');
const { CONTAINR_REPLICA: replica, GREETING: greeting, TOKEN: token } = process.env;
const who = JSON.stringify({ version: '${version}', replica, greeting, token });
const server = createServer((request, response) => {
  setTimeout(() => response.end(who), request.url === '/slow' ? 4000 : 0);
});
setTimeout(() => server.listen(${port}, () => console.log('listening: ${version}')), ${listensAfter});
process.on('SIGTERM', () => setTimeout(() => server.close(() => process.exit(0)), ${lingers}));
`;
