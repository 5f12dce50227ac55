// Stands in for the API in tests of the set-up: healthy at once, ends politely.
import http from 'node:http';

const server = http
  .createServer((_request, response) => response.end('{}'))
  .listen(Number(process.env.PORT), '127.0.0.1');
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  process.disconnect?.();
});
