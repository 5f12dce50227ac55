/** What deploys a service by itself, beside `git push` to the built-in remote. */
import { z } from 'zod';

const pattern = (what: string) =>
  z
    .string()
    .trim()
    .min(1)
    .max(300)
    .refine((text) => !/[\p{Cc}]/u.test(text), 'must not contain control characters')
    .describe(what);

const fields = {
  auto_deploy: z
    .boolean()
    .describe(
      'Deploys when its branch moves in the git repository of `source.repository`: by webhook, or found by looking.',
    ),
  deploy_tags: pattern('Also deploys tags whose name fits this pattern, e.g. `v*`. Null: no tags.').nullable(),
  watch_paths: z
    .array(pattern('`*`, `**`, `?`; a leading `!` takes away again, a trailing `/` means everything below.'))
    .max(100)
    .describe(
      'Deploys only when one of these paths of the repository differs from what was last deployed. Empty: always.',
    ),
  cancel_builds: z.boolean().describe('A newer commit of the branch also cancels a deployment that is still building.'),
};

/** Complete: what is not given has its default. */
export const triggerSettings = z.object({
  auto_deploy: fields.auto_deploy.default(true),
  deploy_tags: fields.deploy_tags.default(null),
  watch_paths: fields.watch_paths.default([]),
  cancel_builds: fields.cancel_builds.default(false),
});
/** As given: what is not given stays as it is. */
export const givenTriggers = z.object(fields).partial();
export type TriggerSettings = z.output<typeof triggerSettings>;
