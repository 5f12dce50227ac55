/** The secret of a hook, encrypted: it is needed in the clear to check an HMAC. Two are good while one is rotated. */
import { randomBytes } from 'node:crypto';
import type { Prisma } from '#platform/prisma/prisma.service.js';
import type { SecretBox } from '#platform/secrets.js';

export type HookRow = Prisma.GitHookGetPayload<object>;

const aad = (hookId: string) => `git-hook:${hookId}`;

export function newHookSecret(box: SecretBox, hookId: string): { secret: string; sealed: string } {
  const secret = `cwh_${randomBytes(32).toString('base64url')}`;
  return { secret, sealed: box.seal(secret, aad(hookId)) };
}

export function currentSecret(box: SecretBox, hook: Pick<HookRow, 'id' | 'secret'>): string {
  return box.open(hook.secret, aad(hook.id));
}

/** Those that are good at this moment. @param now PostgreSQL's */
export function validSecrets(box: SecretBox, hook: HookRow, now: Date): string[] {
  const before = hook.previousSecret && hook.previousUntil && hook.previousUntil > now ? [hook.previousSecret] : [];
  return [hook.secret, ...before].map((sealed) => box.open(sealed, aad(hook.id)));
}

/** The columns of a rotation: the secret of now becomes the one before. @param until null: it ends now. */
export function rotated(hook: Pick<HookRow, 'secret'>, sealed: string, until: Date | null) {
  return { secret: sealed, previousSecret: until ? hook.secret : null, previousUntil: until };
}
