/** The pages for people: a landing page, the API reference and openapi.json. Everything is served from here, nothing from other hosts. */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { LANDING_POLICY } from './headers.js';
import { createOpenApi } from './openapi.js';

const STYLE = `body{font:16px/1.6 system-ui,sans-serif;max-width:38rem;margin:12vh auto;padding:0 1.5rem;color:#1b1f24;background:#fff}
h1{font-size:1.8rem;margin:0 0 .5rem}a{color:#0b57d0}@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#15181c}a{color:#8ab4f8}}`;

const LANDING = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Containr</title>
<link rel="stylesheet" href="/style.css"></head>
<body><main>
<h1>Containr</h1>
<p>Self-hosted platform: push code, get a live service. This is its API server.</p>
<ul>
<li><a href="/docs">API reference</a></li>
<li><a href="/openapi.json">OpenAPI document</a></li>
<li><a href="/api/v1/health">Health</a></li>
</ul>
</main></body>
</html>
`;

export function registerPages(app: NestFastifyApplication): void {
  const instance = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  instance.get('/', (_, reply) => {
    reply.header('content-security-policy', LANDING_POLICY).type('text/html; charset=utf-8').send(LANDING);
  });
  instance.get('/style.css', (_, reply) => {
    reply.header('cache-control', 'public, max-age=3600').type('text/css; charset=utf-8').send(STYLE);
  });
  // Made at the first request: it takes time and memory that a process without readers should not spend.
  SwaggerModule.setup('docs', app, () => createOpenApi(app), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Containr API',
    swaggerOptions: { persistAuthorization: true, defaultModelsExpandDepth: 0 },
  });
}
