/** Deploy hooks: one address and secret per service with which any CI deploys it. */
import { z } from 'zod';
import { branchName, commitHash, imageRef } from './service-source.js';

export const deployHook = z
  .object({
    id: z.uuid(),
    url: z.string(),
    created_at: z.iso.datetime(),
    rotated_at: z.iso.datetime(),
    previous_secret_until: z.iso.datetime().nullable().describe('Until then the secret before is good, too.'),
    last_used_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'DeployHook' });
export type DeployHookView = z.output<typeof deployHook>;

export const deployHookSecret = z
  .object({ ...deployHook.shape, secret: z.string().describe('Shown only now.') })
  .meta({ id: 'DeployHookSecret' });

export const deployHookRequest = z
  .object({
    image: imageRef
      .optional()
      .describe('For a service of source type image: another tag or digest of its own image, for this deployment.'),
    commit: commitHash.optional().describe('Default: head of the branch.'),
    branch: branchName.optional().describe("Default: the service's."),
  })
  .optional()
  .meta({ id: 'DeployHookRequest' });
export type DeployHookRequest = NonNullable<z.output<typeof deployHookRequest>>;

export const deployHookQuery = z.object({
  wait: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe(
      'Answers when the deployment is live (200) or has failed (422). With `Accept: text/event-stream` the progress is streamed instead; the status is 200 then, and the last event, `live` or `failed`, says how it ended.',
    ),
});
