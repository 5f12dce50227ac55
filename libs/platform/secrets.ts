/**
 * Secrets at rest: AES-256-GCM under the installation's key, and redaction in everything that is written for people.
 * Text form: `v1.<iv>.<tag>.<ciphertext>`, base64url; `aad` binds a value to its place, so a row copied elsewhere does not decrypt.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from './config.js';
import { Internal } from './errors.js';

@Injectable()
export class SecretBox {
  private readonly key: Buffer;

  constructor(@Inject(CONFIG) config: Pick<Config, 'CONTAINR_ENCRYPTION_KEY'>) {
    this.key = Buffer.from(config.CONTAINR_ENCRYPTION_KEY, 'hex');
  }

  seal(plain: string, aad: string): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv).setAAD(Buffer.from(aad));
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return ['v1', iv.toString('base64url'), cipher.getAuthTag().toString('base64url'), body.toString('base64url')].join(
      '.',
    );
  }

  /** Recognises a text without keeping it: HMAC-SHA256, so that a stolen table does not let anybody guess what it was. */
  fingerprint(purpose: string, parts: Uint8Array[]): string {
    const key = createHmac('sha256', this.key).update(`fingerprint:${purpose}`).digest();
    const hmac = createHmac('sha256', key);
    for (const part of parts) hmac.update(`${part.length}:`).update(part);
    return hmac.digest('hex');
  }

  /** @throws Internal `secret_unreadable` when the key changed or the text was altered. */
  open(sealed: string, aad: string): string {
    const [version, iv, tag, body] = sealed.split('.');
    try {
      if (version !== 'v1') throw new Error(`unknown version ${version}`);
      const decipher = createDecipheriv('aes-256-gcm', this.key, Buffer.from(iv ?? '', 'base64url'))
        .setAAD(Buffer.from(aad))
        .setAuthTag(Buffer.from(tag ?? '', 'base64url'));
      return Buffer.concat([decipher.update(Buffer.from(body ?? '', 'base64url')), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new Internal(
        'secret_unreadable',
        'A stored secret cannot be decrypted: was CONTAINR_ENCRYPTION_KEY changed?',
        { cause },
      );
    }
  }
}

/** Shorter values are left alone: replacing every "1" or "true" would make a log unreadable and protect nothing. */
const SHORTEST_REDACTED = 6;

/** A function that replaces every given secret by `***`. Longest first, so that one secret inside another leaves no rest. */
export function redactor(secrets: Iterable<string>): (text: string) => string {
  const parts = [...new Set(secrets)]
    .filter((secret) => secret.length >= SHORTEST_REDACTED)
    .sort((a, b) => b.length - a.length);
  if (parts.length === 0) return (text) => text;
  const pattern = new RegExp(parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'g');
  return (text) => text.replace(pattern, '***');
}
