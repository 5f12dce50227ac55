/** The API contract as it was given (containr.openapi.yaml, never edited), and whether an answer keeps it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import { parse } from 'yaml';

export interface Schema {
  $ref?: string;
  type?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: string[];
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
}

type Content = Record<string, { schema: Schema }>;

export interface OperationObject {
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, { content?: Content }>;
  security?: object[];
}

export interface Document {
  paths: Record<string, Record<string, OperationObject>>;
  components: { schemas: Record<string, Schema> };
}

export interface ContractOperation {
  /** `GET /projects/{id}`. */
  name: string;
  method: string;
  path: string;
  operation: OperationObject;
}

/** Operations whose features are not built yet. Each must still be absent, so that nothing is forgotten here. */
export const LATER = (_path: string) => false;

export const contract: Document = parse(readFileSync(path.join(__dirname, 'containr.openapi.yaml'), 'utf8'));

export function operationsOf(document: Document): ContractOperation[] {
  return Object.entries(document.paths).flatMap(([url, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${url}`,
      method: method.toUpperCase(),
      path: url,
      operation,
    })),
  );
}

const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(contract, 'contract');

function validator(schema: Schema): ValidateFunction {
  // References of the document are relative to its root.
  return ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"contract#/')));
}

export interface Seen {
  status: number;
  contentType: string;
  body: unknown;
}

/** What is wrong with an answer; empty when it keeps the contract. An undeclared status must be an error in the contract's form. */
export function violations({ name, operation }: ContractOperation, { status, contentType, body }: Seen): string[] {
  const declared = operation.responses[String(status)];
  if (!declared && status < 400) return [`${name}: status ${status} is not declared`];
  const content = declared?.content ?? (status < 400 ? {} : ERROR);
  const [type, media] = Object.entries(content)[0] ?? [];
  if (!type || !media) return body === null || body === '' ? [] : [`${name}: ${status} has a body`];
  if (!contentType.startsWith(type)) return [`${name}: ${status} is ${contentType}, not ${type}`];
  const validate = validator(media.schema);
  if (validate(body)) return status < 400 || isError(body) ? [] : [`${name}: ${status} lacks error, code or details`];
  return (validate.errors ?? []).map((error) => `${name}: ${status} ${error.instancePath} ${error.message}`);
}

const ERROR: Content = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };

/** The contract requires none of the three; we promise all. */
function isError(body: unknown): boolean {
  const { error, code, details } = body as Record<string, unknown>;
  return typeof error === 'string' && /^[a-z0-9_]+$/.test(String(code)) && typeof details === 'object' && details !== null;
}
