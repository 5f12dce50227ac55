/**
 * JSON bodies. Fastify's own parser answers a body over the limit at once and closes; a client that is still sending then sees a reset
 * connection instead of the 413. This one reads what is left (bounded) and throws it away first (libs/platform/http/raw-body.ts).
 */

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Invalid } from '#platform/errors.js';
import { rawBodyLimit, readWithin } from '#platform/http/index.js';
import { requireStorable } from '#platform/http/storable.js';

export const BODY_LIMIT_BYTES = 1024 * 1024;
/** Some git hosts can send their webhooks as a form; nobody else may. */
const FORM = /^application\/x-www-form-urlencoded(?:\s*;|$)/i;

/** What Fastify says of a type that it has no parser for. */
class UnsupportedMediaType extends Error {
  readonly code = 'FST_ERR_CTP_INVALID_MEDIA_TYPE';
  readonly statusCode = 415;
}

/**
 * Only JSON: everything else is 415, unless a feature registers a parser of its own (the git remote does). An operation with `rawBodyBytes`
 * reads its body itself.
 */
export function registerBodyParsers(instance: FastifyInstance): void {
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser(
    /^application\/(?:[\w.-]+\+)?json(?:\s*;|$)/i,
    async (request: FastifyRequest, body: IncomingMessage) => {
      if (rawBodyLimit(request)) return body;
      const bytes = await readWithin(body, BODY_LIMIT_BYTES);
      if (request.headers['idempotency-key'] !== undefined) rawBodies.set(request, bytes);
      return parseJson(bytes);
    },
  );
  instance.addContentTypeParser(FORM, async (request: FastifyRequest, body: IncomingMessage) => {
    if (rawBodyLimit(request)) return body;
    throw new UnsupportedMediaType('Only webhooks may be forms.');
  });
}

const rawBodies = new WeakMap<FastifyRequest, Uint8Array>();

/** The bytes of a body whose request has an Idempotency-Key; empty without a body. */
export function rawBody(request: FastifyRequest): Uint8Array {
  return rawBodies.get(request) ?? new Uint8Array();
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws Invalid `invalid_json`, `invalid_characters`. An empty body is undefined: many clients send the header without a body. */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  const text = decode(bytes);
  const value = parse(text);
  // NUL and lone surrogates can only come in as escapes: raw ones are neither valid JSON nor valid UTF-8.
  if (text.includes('\\u')) requireStorable(value);
  if (text.includes('"__proto__"')) refusePrototypes(value);
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new Invalid('invalid_json', 'The body is not valid UTF-8.', { cause });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'it cannot be parsed';
    throw new Invalid('invalid_json', `The body is not valid JSON: ${reason.slice(0, 200)}`, { cause });
  }
}

/** A key `__proto__` would change the prototype of the object it is copied to. */
function refusePrototypes(root: unknown): void {
  const open = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (Object.hasOwn(value, '__proto__'))
      throw new Invalid('invalid_json', 'The body has a key that is not allowed: __proto__');
    for (const item of Object.values(value)) open.push(item);
  }
}
