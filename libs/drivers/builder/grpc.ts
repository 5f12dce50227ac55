/**
 * The few lines of gRPC that a BuildKit session needs: unary calls, answered over a connection that exists already. A library for it brings
 * 5 MB of code that stays in memory. Protocol: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import { type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';

/** The request's message to the answer's; null = NOT_FOUND. */
export type Answer = (request: Buffer) => Buffer | null;

const OK = '0';
const NOT_FOUND = '5';
const UNIMPLEMENTED = '12';
const INTERNAL = '13';
const HEAD = { ':status': 200, 'content-type': 'application/grpc' };
/** Compression flag and length before each message. */
const PREFIX_BYTES = 5;

/** @param answers by path of the method @returns ends it and destroys the connection */
export function serveGrpc(socket: Duplex, answers: Record<string, Answer>): () => void {
  // The engine closes its side when the build ends; a reset then is not an error of the build.
  const end = () => void socket.destroy();
  socket.on('error', end);
  const session = performServerHandshake(socket);
  session.on('error', end);
  session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => stream.close());
    void answerCall(stream, answers[headers[':path'] as string]).catch(() => refuse(stream, INTERNAL));
  });
  return () => {
    session.destroy();
    socket.destroy();
  };
}

async function answerCall(stream: ServerHttp2Stream, answer: Answer | undefined): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  if (!answer) return refuse(stream, UNIMPLEMENTED);
  const message = answer(Buffer.concat(chunks).subarray(PREFIX_BYTES));
  if (!message) return refuse(stream, NOT_FOUND);
  stream.respond(HEAD, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': OK }));
  stream.end(framed(message));
}

function refuse(stream: ServerHttp2Stream, status: string): void {
  if (stream.destroyed || stream.headersSent) stream.close();
  else stream.respond({ ...HEAD, 'grpc-status': status }, { endStream: true });
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
