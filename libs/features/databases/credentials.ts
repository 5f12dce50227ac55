/** Passwords of a database: encrypted in its row, bound to its id. */
import { randomBytes } from 'node:crypto';
import type { Access } from '#drivers/engines/index.js';
import type { SecretBox } from '#platform/secrets.js';

export interface Credentials extends Access {
  /** The password that is being made the user's: set until the engine has it. */
  next?: string;
}

/** 32 letters and digits, 190 bits: safe in every URL and variable as it is. */
export function newPassword(): string {
  let text = '';
  while (text.length < 32)
    text += randomBytes(48)
      .toString('base64')
      .replace(/[^A-Za-z0-9]/g, '');
  return text.slice(0, 32);
}

/** @param password of the user; without it one is generated */
export function newCredentials(password = newPassword()): Credentials {
  return { root: newPassword(), password };
}

export function sealCredentials(box: SecretBox, id: string, credentials: Credentials): string {
  return box.seal(JSON.stringify(credentials), `database:${id}`);
}

export function openCredentials(box: SecretBox, row: { id: string; credentials: string }): Credentials {
  return JSON.parse(box.open(row.credentials, `database:${row.id}`)) as Credentials;
}
