/** Random values for templates. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { GeneratorName } from './expressions.js';

export type Generate = (name: GeneratorName, size: number) => string;

/** Letters and digits only: the value stands unescaped in URLs, YAML and command lines. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

export const generate: Generate = (name, size) => {
  switch (name) {
    case 'uuid':
      return randomUUID();
    case 'hex':
      return randomBytes(size).toString('hex');
    case 'base64':
      return randomBytes(size).toString('base64');
    default:
      return Array.from({ length: size }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  }
};

/** For plans: nothing is generated, and one sees where it would be. */
export const generateNothing: Generate = () => '(generated)';
