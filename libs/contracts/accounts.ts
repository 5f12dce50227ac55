/** Users, sign-in and profile. */
import { z } from 'zod';
import { singleLine } from './common.js';

/** RFC 5321 4.5.3.1.3 limits an address to 254 characters. */
export const email = z.string().trim().toLowerCase().max(254).pipe(z.email()).meta({ format: 'email', maxLength: 254 });
const name = singleLine(1, 100).describe('Display name.');

const PASSWORD_MIN = 10;
const PASSWORD_MAX = 200;
/** Length is what counts: no composition rules (NIST SP 800-63B 5.1.1.2). */
const newPassword = z.string().min(PASSWORD_MIN).max(PASSWORD_MAX).meta({ format: 'password' });

const avatarUrl = z
  .union([z.literal(''), z.url({ protocol: /^https?$/, error: 'must be a http or https URL' }).max(2048)], {
    error: 'must be a http or https URL of at most 2048 characters',
  })
  .nullable()
  .describe('http or https; empty or null removes it.');

export const user = z
  .object({
    id: z.string(),
    email: z.string().meta({ format: 'email' }),
    name: z.string(),
    avatar_url: z.string().optional(),
    is_admin: z.boolean().describe('Operator of this installation.'),
    created_at: z.string().meta({ format: 'date-time' }),
    updated_at: z.string().meta({ format: 'date-time' }),
  })
  .meta({ id: 'User' });
export type User = z.output<typeof user>;

export const registerRequest = z
  .object({ email, password: newPassword, name })
  .refine(({ email: address, password }) => password.trim().toLowerCase() !== address, {
    path: ['password'],
    message: 'must not be the e-mail address',
  })
  .meta({ id: 'RegisterRequest' });
export type RegisterRequest = z.output<typeof registerRequest>;

/** Only bounded: whether it could be a password at all is not for strangers to learn. */
export const loginRequest = z
  .object({
    email: z.string().trim().toLowerCase().min(1).max(254).meta({ format: 'email' }),
    password: z.string().min(1).max(1000).meta({ format: 'password' }),
  })
  .meta({ id: 'LoginRequest' });
export type LoginRequest = z.output<typeof loginRequest>;

export const loginResponse = z
  .object({ token: z.string().describe('JWT for `Authorization: Bearer`.'), user })
  .meta({ id: 'LoginResponse' });
export type LoginResponse = z.output<typeof loginResponse>;

export const updateUserRequest = z
  .object({ name: name.optional(), email: email.optional(), avatar_url: avatarUrl.optional() })
  .meta({ id: 'UpdateUserRequest' });
export type UpdateUserRequest = z.output<typeof updateUserRequest>;
