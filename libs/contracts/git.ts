/** Git providers: accounts at GitHub, GitLab, Bitbucket and Gitea, and what they can see there. Fields beyond the contract are marked. */
import { z } from 'zod';
import { singleLine } from './common.js';

/** The contract has the first three. */
export const providerType = z.enum(['github', 'gitlab', 'bitbucket', 'gitea']);
export type ProviderType = z.output<typeof providerType>;

/** Printable ASCII: it becomes an HTTP header. */
const accessToken = z
  .string()
  .trim()
  .min(1)
  .max(4096)
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces');

/** Without a slash at the end. */
const baseUrl = z
  .string()
  .trim()
  .max(2048)
  .superRefine((text, context) => {
    const say = (message: string) => context.addIssue({ code: 'custom', message });
    if (!URL.canParse(text)) return say('must be a web address such as https://git.example.com');
    const url = new URL(text);
    if (!['http:', 'https:'].includes(url.protocol)) say('must start with https:// or http://');
    if (url.username || url.password) say('must not contain a user name or password');
    if (url.search || url.hash) say('must not have a query or fragment');
  })
  .transform((text) => text.replace(/\/+$/, ''));

const username = z
  .string()
  .trim()
  .min(1)
  .max(320)
  .regex(/^[^\s:\p{Cc}]+$/u, 'must not contain spaces or a colon');

export const createGitProviderRequest = z
  .object({
    type: providerType.describe('`gitea` is Gitea or Forgejo (beyond the contract).'),
    name: singleLine(1, 100).optional().describe('Display name; default: the provider and the login there.'),
    access_token: accessToken.describe('Checked at the provider now, stored encrypted, never shown again.'),
    base_url: baseUrl
      .optional()
      .describe(
        'Web address of a self-hosted one. Left out: github.com, gitlab.com, bitbucket.org; required for gitea.',
      ),
    username: username
      .optional()
      .describe('Bitbucket: e-mail address of the account of an API token. Left out for access tokens.'),
  })
  .superRefine(({ type, base_url, username: given }, context) => {
    const say = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (type === 'gitea' && !base_url) say('base_url', 'is required for gitea, e.g. https://codeberg.org');
    if (type !== 'bitbucket' && given) say('username', 'goes with bitbucket only');
  })
  .meta({ id: 'CreateGitProviderRequest' });
export type CreateGitProviderRequest = z.output<typeof createGitProviderRequest>;

export const updateGitProviderRequest = z
  .object({
    name: singleLine(1, 100).optional(),
    access_token: accessToken.optional().describe('Replaces the token; checked at the provider now.'),
    username: username.nullable().optional().describe('Bitbucket: goes with access_token.'),
  })
  .meta({ id: 'UpdateGitProviderRequest' });
export type UpdateGitProviderRequest = z.output<typeof updateGitProviderRequest>;

const instant = z.iso.datetime();
export const gitProvider = z
  .object({
    id: z.guid(),
    type: providerType,
    name: z.string(),
    access_token: z.string().describe('Always `********`.'),
    base_url: z.string().describe('Web address.'),
    username: z.string().nullable(),
    login: z.string().nullable().describe('Whose token it is; null when the token may not tell.'),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'GitProvider' });
export type GitProviderView = z.output<typeof gitProvider>;

export const repositoryQuery = z.object({
  page: z.coerce.number().int().min(1).max(10_000).default(1).describe('Page number, from 1.'),
  limit: z.coerce.number().int().min(1).max(100).default(30).describe('Items per page.'),
  search: z.string().trim().max(200).optional().describe('Part of the name, upper and lower case alike.'),
});
export type RepositoryListQuery = z.output<typeof repositoryQuery>;

export const gitRepository = z
  .object({
    id: z.string().describe("The provider's id."),
    name: z.string(),
    full_name: z.string(),
    description: z.string(),
    private: z.boolean(),
    default_branch: z.string().describe('Empty when nothing has been pushed yet.'),
    clone_url: z.string(),
    web_url: z.string(),
  })
  .meta({ id: 'GitRepository' });
export type GitRepositoryView = z.output<typeof gitRepository>;
