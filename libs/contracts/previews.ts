/** Previews: a service of its own for each pull request. */
import { z } from 'zod';
import { commitHash } from './service-source.js';
import { variableKey, variableValue } from './variables.js';

const override = z.object({ value: variableValue, secret: z.boolean().default(false) });

export const putPreviewSettingsRequest = z
  .object({
    enabled: z.boolean(),
    ttl_hours: z.int().min(1).max(8760).default(72).describe('Hours without a push until a preview is removed.'),
    variables: z
      .record(variableKey, variableValue.transform((value) => ({ value, secret: false })).or(override))
      .refine((map) => Object.keys(map).length <= 100, 'at most 100 variables')
      .default({})
      .describe("Replaces or adds to the service's variables. Pull requests of forks get no secret ones."),
  })
  .meta({ id: 'PutPreviewSettingsRequest' });
export type PutPreviewSettingsRequest = z.output<typeof putPreviewSettingsRequest>;

export const approvePreviewRequest = z
  .object({ commit_hash: commitHash.describe('The head that you have looked at, in full: another one is not built.') })
  .meta({ id: 'ApprovePreviewRequest' });
export type ApprovePreviewRequest = z.output<typeof approvePreviewRequest>;

export const preview = z
  .object({
    number: z.int().describe('Of the pull request.'),
    title: z.string(),
    author: z.string().nullable(),
    pull_request_url: z.string().nullable(),
    branch: z.string(),
    head_commit: z.string(),
    is_fork: z.boolean(),
    status: z
      .enum(['waiting_for_approval', 'open', 'closed'])
      .describe('`waiting_for_approval`: the head is of a fork and nobody has allowed it yet; it is not built.'),
    approved_commit: z.string().nullable(),
    service_id: z.string().nullable().describe('The service that shows it; null: not built yet.'),
    url: z.string().nullable(),
    expires_at: z.iso.datetime(),
    created_at: z.iso.datetime(),
    closed_at: z.iso.datetime().nullable(),
    close_reason: z.string().nullable().describe('closed, expired, disabled or parent_deleted.'),
  })
  .meta({ id: 'Preview' });
export type PreviewView = z.output<typeof preview>;

export const previewSettings = z
  .object({
    enabled: z.boolean(),
    ttl_hours: z.int(),
    variables: z.array(z.string()).describe('Names only.'),
    error: z.string().nullable().describe('Why the git provider could not be asked about pull requests.'),
  })
  .meta({ id: 'PreviewSettings' });
export type PreviewSettingsView = z.output<typeof previewSettings>;

export const previewsResponse = z
  .object({ settings: previewSettings, previews: z.array(preview).describe('Newest first, at most 100.') })
  .meta({ id: 'PreviewsResponse' });
export type PreviewsResponse = z.output<typeof previewsResponse>;
