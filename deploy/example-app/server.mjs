// The smallest app worth deploying: answers, says when it is healthy, and ends politely. No dependencies.
import http from 'node:http';

const message = 'Hello from Containr!';

const server = http.createServer((request, response) => {
  if (request.url === '/health') return response.end('ok\n');
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`${message}\n`);
});

server.listen(process.env.PORT ?? 3000, () => console.log(`listening on ${server.address().port}`));

// Requests on their way are answered; then the process ends by itself, because nothing keeps it alive.
process.once('SIGTERM', () => {
  console.log('stopping');
  server.close();
});
