/**
 * Secrets that we make, show once and store as their hash. 256 random bits cannot be guessed, so a fast hash is enough, and looking the
 * hash up in an index tells nobody how much of a guess was right.
 */
import { createHash, randomBytes } from 'node:crypto';

/** @param prefix says what it is, also to scanners for leaked secrets */
export function newSecret(prefix: string): { secret: string; hash: string } {
  const secret = `${prefix}${randomBytes(32).toString('base64url')}`;
  return { secret, hash: secretHash(secret) };
}

export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
