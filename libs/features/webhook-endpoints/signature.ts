/**
 * What proves to a receiver who sent it. Two forms, over the same bytes of the body:
 * `webhook-signature`: Standard Webhooks (https://www.standardwebhooks.com), HMAC-SHA256 over `id.timestamp.body` with the decoded secret;
 * any of its libraries verifies it. `x-containr-signature-256`: HMAC-SHA256 over `timestamp.body` with the secret as it is written, in
 * hexadecimal: one line in any language. While a secret is being rotated both sign.
 */
import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';

export function newSigningSecret(): string {
  return `${PREFIX}${randomBytes(32).toString('base64')}`;
}

/** @param timestamp Unix time, seconds. @param secrets newest first */
export function signatureHeaders(id: string, timestamp: number, body: string, secrets: string[]) {
  const standard = secrets.map((secret) => `v1,${standardSignature(secret, `${id}.${timestamp}.${body}`)}`);
  const plain = secrets.map((secret) => `sha256=${plainSignature(secret, `${timestamp}.${body}`)}`);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': standard.join(' '),
    'x-containr-signature-256': plain.join(','),
  };
}

function standardSignature(secret: string, content: string): string {
  return createHmac('sha256', Buffer.from(secret.slice(PREFIX.length), 'base64'))
    .update(content)
    .digest('base64');
}

function plainSignature(secret: string, content: string): string {
  return createHmac('sha256', secret).update(content).digest('hex');
}
