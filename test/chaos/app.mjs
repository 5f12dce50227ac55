// The application that is deployed: it says which version of which service it is.
import { BASE_IMAGE } from './world.mjs';

const SERVER = (version) => `
const { createServer } = require('node:http');
const { CONTAINR_SERVICE_ID: service, CONTAINR_DEPLOYMENT_ID: deployment, CONTAINR_REPLICA: replica, PORT } = process.env;
const who = JSON.stringify({ version: '${version}', service, deployment, replica });
const server = createServer((request, response) => response.setHeader('connection', 'close').end(who));
server.listen(PORT);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

const EXITS = (version) => `console.error('${version} cannot run'); process.exit(3);`;

/** Files of a version. @param {string} version @param {'commit' | 'cancel' | 'broken' | 'bad-build'} kind @returns {Record<string, string>} */
export function filesOf(version, kind) {
  const build = kind === 'bad-build' ? 'RUN echo does not build && exit 7' : `RUN echo ${version} && sleep 1`;
  return {
    Dockerfile: [`FROM ${BASE_IMAGE}`, 'WORKDIR /app', build, 'COPY server.js .', 'CMD ["node", "server.js"]', ''].join(
      '\n',
    ),
    'server.js': kind === 'broken' ? EXITS(version) : SERVER(version),
  };
}
