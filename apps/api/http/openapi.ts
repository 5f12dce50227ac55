/** The OpenAPI document of everything that the API module lists. Needs neither a server nor a database. */
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { requirementOf } from '#platform/http/index.js';
import { componentSchemas } from '#platform/http/json-schema.js';
import { describeOperations } from '#platform/http/operation-docs.js';
import { PRODUCT_VERSION } from '#platform/version.js';

type OperationObject = NonNullable<OpenAPIObject['paths'][string]['post']>;

const DESCRIPTION = `Self-hosted PaaS: push code, get a live service.

Sign in with \`POST /auth/login\` and send the token as \`Authorization: Bearer <token>\`.
Scripts send an API token (\`POST /user/tokens\`) in the same place; \`x-needs\` of an operation is the scope and the role it asks for.
Every failure is an \`Error {error, code, details}\`; \`code\` is stable.`;

export function createOpenApi(app: INestApplication): OpenAPIObject {
  describeOperations();
  const builder = new DocumentBuilder()
    .setTitle('Containr API')
    .setDescription(DESCRIPTION)
    .setVersion(PRODUCT_VERSION)
    .setLicense('GPL-3.0-or-later', 'https://www.gnu.org/licenses/gpl-3.0.html')
    .addServer('/api/v1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }, 'bearerAuth');
  const document = SwaggerModule.createDocument(app, builder.build(), {
    operationIdFactory: operationId,
    ignoreGlobalPrefix: true,
  });
  const schemas = { ...document.components?.schemas, ...componentSchemas() };
  const paths = Object.fromEntries(Object.entries(document.paths).sort(([a], [b]) => (a < b ? -1 : 1)));
  Object.values(paths).forEach(sayNeeds);
  for (const { post } of Object.values(paths)) if (post?.security?.length) describeIdempotency(post);
  const parameters = { IdempotencyKey: IDEMPOTENCY_KEY };
  return { ...document, paths, components: { ...document.components, schemas, parameters } } as OpenAPIObject;
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'A key of your own for this request, for example a UUID. Sent again within 24 hours with the same key and body, it is not carried out again: the first answer is returned, with the header `Idempotent-Replayed: true`.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

/** Every POST of a signed-in user takes the header: see idempotency.interceptor.ts. */
function describeIdempotency(operation: OperationObject): void {
  operation.parameters = [...(operation.parameters ?? []), { $ref: '#/components/parameters/IdempotencyKey' }];
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  operation.responses['409'] ??= { description: 'Conflict', content };
}

/** The default of what an operation needs goes by its method, which @Operation does not know. */
function sayNeeds(item: object): void {
  for (const [method, operation] of Object.entries(item as Record<string, Record<string, unknown>>))
    if (operation.security) operation['x-needs'] ??= requirementOf(ANY, method.toUpperCase()).needs;
}

const ANY = { summary: '', tag: '', returns: { status: 200 } };

/** `ProjectsController.list` -> `projects_list`: short names in generated clients. */
function operationId(controller: string, method: string): string {
  return `${controller.replace(/Controller$/, '').replace(/^./, (first) => first.toLowerCase())}_${method}`;
}
