/** API tokens: keys for scripts and CI. */
import { z } from 'zod';
import { idOf, singleLine } from './common.js';

/** Least first: each scope includes the scopes before it. */
export const SCOPES = ['read', 'deploy', 'write', 'admin'] as const;
export const tokenScope = z.enum(SCOPES).meta({ id: 'TokenScope' });
export type TokenScope = z.output<typeof tokenScope>;

const scopes = z
  .array(tokenScope)
  .min(1)
  .max(SCOPES.length)
  .describe('Each scope includes the ones before it in the order read, deploy, write, admin.');
const cidr = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: 'must be an address or a network such as 192.0.2.0/24',
});
const cidrs = z.array(cidr).max(32).describe('Addresses and networks it may be used from; empty: any.');

export const apiToken = z
  .object({
    id: z.string(),
    name: z.string(),
    prefix: z.string().describe('First characters of the token, to recognise it.'),
    scopes: z.array(tokenScope),
    project_id: z.string().nullable().describe('The only project it is good for; null: all of its user.'),
    cidrs: z.array(z.string()),
    expires_at: z.iso.datetime().nullable(),
    last_used_at: z.iso.datetime().nullable().describe('To the minute.'),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'ApiToken' });
export type ApiTokenView = z.output<typeof apiToken>;

export const tokensResponse = z
  .object({ tokens: z.array(apiToken).describe('Newest first.') })
  .meta({ id: 'ApiTokensResponse' });

export const createTokenRequest = z
  .object({
    name: singleLine(1, 100).describe('What it is for.'),
    scopes,
    project_id: idOf('project').nullable().default(null).describe('Binds the token to one project.'),
    cidrs: cidrs.default([]),
    expires_at: z.iso
      .datetime({ offset: true, error: 'must be a time such as 2030-01-31T12:00:00Z' })
      .nullable()
      .refine((text) => text === null || Date.parse(text) > Date.now(), 'must be in the future')
      .default(null)
      .describe('Until when it is good; null: until it is deleted.'),
  })
  .meta({ id: 'CreateApiTokenRequest' });
export type CreateTokenRequest = z.output<typeof createTokenRequest>;

export const createdToken = z
  .object({
    ...apiToken.shape,
    token: z
      .string()
      .describe('For `Authorization: Bearer`, and the password of git. Shown only now: only its hash is stored.'),
  })
  .meta({ id: 'CreatedApiToken' });
export type CreatedToken = z.output<typeof createdToken>;
