/**
 * BuildKit's `moby.buildkit.trace` events: base64 of a StatusResponse.
 * Source of the field numbers: api/services/control/control.proto of github.com/moby/buildkit.
 */
import { bytesOf, decode, numberOf, stringOf } from './protobuf.js';

/** One step of the build; the same digest comes again each time its state changes. */
export interface Vertex {
  digest: string;
  /** e.g. `[2/3] RUN npm ci` */
  name: string;
  cached: boolean;
  /** Milliseconds since the epoch, null = not yet. */
  startedAt: number | null;
  completedAt: number | null;
  /** '' when it did not fail. */
  error: string;
}

export interface VertexOutput {
  vertex: string;
  at: number | null;
  text: Buffer;
}

export interface Trace {
  vertexes: Vertex[];
  output: VertexOutput[];
}

function time(bytes: Buffer | undefined): number | null {
  if (!bytes) return null;
  const fields = decode(bytes);
  return numberOf(fields, 1) * 1000 + numberOf(fields, 2) / 1e6;
}

function vertex(bytes: Buffer): Vertex {
  const fields = decode(bytes);
  return {
    digest: stringOf(fields, 1),
    name: stringOf(fields, 3),
    cached: numberOf(fields, 4) === 1,
    startedAt: time(bytesOf(fields, 5).at(-1)),
    completedAt: time(bytesOf(fields, 6).at(-1)),
    error: stringOf(fields, 7),
  };
}

function output(bytes: Buffer): VertexOutput {
  const fields = decode(bytes);
  return {
    vertex: stringOf(fields, 1),
    at: time(bytesOf(fields, 2).at(-1)),
    text: bytesOf(fields, 4).at(-1) ?? Buffer.alloc(0),
  };
}

/** @param aux the event's `aux`: base64 of the message. */
export function decodeTrace(aux: string): Trace {
  const fields = decode(Buffer.from(aux, 'base64'));
  return { vertexes: bytesOf(fields, 1).map(vertex), output: bytesOf(fields, 3).map(output) };
}
