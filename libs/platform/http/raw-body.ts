/** Bodies within a limit. One over the limit is read on (bounded) and thrown away, so that a client that is still sending can read its 413. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors.js';

/** What a client may still send after the limit and yet read its 413. */
const DRAIN_LIMIT_BYTES = 64 * 1024 * 1024;

export class PayloadTooLarge extends AppError {
  readonly status = 413;

  constructor(limitBytes: number) {
    super('payload_too_large', `The body is larger than ${limitBytes / 1024 / 1024} MiB.`, {
      details: { limit_bytes: limitBytes },
    });
  }
}

/** @throws PayloadTooLarge after the client has sent everything, or DRAIN_LIMIT_BYTES. */
export async function readWithin(body: IncomingMessage | Readable, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= limitBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (size > DRAIN_LIMIT_BYTES) break;
  }
  if (size > limitBytes) throw new PayloadTooLarge(limitBytes);
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

/** The limit of a route whose handler reads the body itself; undefined for all others. */
export function rawBodyLimit(request: FastifyRequest): number | undefined {
  return (request.routeOptions?.config as { rawBodyBytes?: number } | undefined)?.rawBodyBytes;
}

/** For an operation with `rawBodyBytes`: the bytes as they were sent. @throws PayloadTooLarge. */
export async function readRawBody(request: FastifyRequest): Promise<Buffer> {
  const limit = rawBodyLimit(request) ?? 0;
  return request.body instanceof Readable ? readWithin(request.body, limit) : Buffer.alloc(0);
}
