/**
 * Judges an AWS signature version 4 by its specification (docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html), without the
 * library that made it: s3rver takes any signature of that version.
 */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** Null when it is right, else the S3 error code. */
export function signatureProblem(
  request: IncomingMessage,
  body: Buffer,
  keys: { accessKeyId: string; secretAccessKey: string },
): string | null {
  const authorization = request.headers.authorization ?? '';
  const found =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (!found) return 'AccessDenied';
  const [, keyId = '', day = '', region = '', signed = '', signature] = found;
  if (keyId !== keys.accessKeyId) return 'InvalidAccessKeyId';
  const header = (name: string) => String(request.headers[name] ?? '').trim();
  if (header('x-amz-content-sha256') !== sha256(body)) return 'XAmzContentSHA256Mismatch';
  const canonical = canonicalRequest(request, signed.split(';'), header);
  const toSign = ['AWS4-HMAC-SHA256', header('x-amz-date'), `${day}/${region}/s3/aws4_request`, sha256(canonical)].join(
    '\n',
  );
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${keys.secretAccessKey}`);
  return hmac(key, toSign).toString('hex') === signature ? null : 'SignatureDoesNotMatch';
}

function canonicalRequest(request: IncomingMessage, signed: string[], header: (name: string) => string): string {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const pairs = query.split('&').filter(Boolean);
  const sorted = pairs.map((pair) => (pair.includes('=') ? pair : `${pair}=`)).sort();
  const headers = signed.map((name) => `${name}:${header(name)}\n`).join('');
  const hash = header('x-amz-content-sha256');
  return [request.method, path, sorted.join('&'), headers, signed.join(';'), hash].join('\n');
}
