/** The pages for people: a landing page, the API reference and openapi.json. Everything is served from here, nothing from other hosts. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { productRoot } from '#platform/version.js';
import { LANDING_POLICY } from './headers.js';

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

const REFERENCE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Containr API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png"><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="reference"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>
`;
const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', persistAuthorization: true, defaultModelsExpandDepth: 0 });`;
const REFERENCE_FILES = /^\/(swagger-ui\.css|swagger-ui-bundle\.js|favicon-32x32\.png)$/;

export function registerPages(app: NestFastifyApplication): void {
  const instance = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  instance.get('/', (_, reply) => {
    reply.header('content-security-policy', LANDING_POLICY).type('text/html; charset=utf-8').send(LANDING);
  });
  instance.get('/style.css', (_, reply) => {
    reply.header('cache-control', 'public, max-age=3600').type('text/css; charset=utf-8').send(STYLE);
  });
  registerReference(instance);
}

/** The document is the one in the repository: making it anew takes @nestjs/swagger, which is 13 MB of memory. */
function registerReference(instance: FastifyInstance): void {
  instance.get('/openapi.json', async (_, reply) => {
    reply.type('application/json; charset=utf-8');
    return readFile(path.join(productRoot(), 'openapi.json'));
  });
  instance.get('/docs', (_, reply) => {
    reply.type('text/html; charset=utf-8').send(REFERENCE);
  });
  instance.get('/docs/start.js', (_, reply) => {
    reply.type('text/javascript; charset=utf-8').send(START);
  });
  const allowedPath = (asked: string) => REFERENCE_FILES.test(asked);
  const files = { root: swaggerUi(), prefix: '/docs/', index: false, allowedPath, decorateReply: false } as const;
  void instance.register(fastifyStatic, files);
}

/** Its entry point only says where it is, without types. */
function swaggerUi(): string {
  return path.dirname(createRequire(path.join(productRoot(), 'package.json')).resolve('swagger-ui-dist/package.json'));
}
