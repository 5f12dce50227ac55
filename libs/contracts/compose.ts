/** Importing a compose file. Beyond the contract. */
import { z } from 'zod';
import { serviceSource } from './service-source.js';
import { plannedService } from './templates.js';
import { variableKey, variableValue } from './variables.js';

/** Characters. A body may be 1 MiB; no compose file of people is as large as this. */
export const COMPOSE_LIMIT = 128 * 1024;

export const importComposeRequest = z
  .object({
    compose: z.string().min(1).max(COMPOSE_LIMIT).describe('Text of the compose file (YAML).'),
    variables: z
      .record(variableKey, variableValue)
      .default({})
      .describe('Values for `${NAME}` in the file: what a `.env` file would hold.'),
    profiles: z.array(z.string().max(100)).max(50).default([]).describe('Profiles whose services are taken too.'),
    repository: serviceSource.shape.repository.describe(
      'Git repository that holds the build contexts. Without it each built service has a git remote to push to.',
    ),
    branch: serviceSource.shape.branch,
    dry_run: z.boolean().default(false).describe('Answers what would be made, and makes nothing.'),
  })
  .meta({ id: 'ImportComposeRequest' });
export type ImportComposeRequest = z.output<typeof importComposeRequest>;

export const composeNote = z
  .object({
    path: z.string().describe('Where in the file, e.g. `services.web.privileged`.'),
    action: z
      .enum(['refused', 'ignored', 'changed'])
      .describe(
        '`refused`: it would break isolation; `ignored`: it has no counterpart; `changed`: honoured in another way.',
      ),
    reason: z.string(),
  })
  .meta({ id: 'ComposeNote' });
export type ComposeNote = z.output<typeof composeNote>;

export const importComposeResponse = z
  .object({
    dry_run: z.boolean(),
    order: z.array(z.string()),
    services: z.array(
      z.object({
        ...plannedService.shape,
        service_id: z.uuid().nullable().describe('Null for a managed database, and on a dry run.'),
        database_id: z.uuid().nullable().describe('Null for a service, and on a dry run.'),
        deployment_id: z
          .uuid()
          .nullable()
          .describe('Null for a managed database, and while the code is still to be pushed.'),
      }),
    ),
    report: z.array(composeNote).describe('Every key that was not honoured as it stands.'),
    message: z.string(),
  })
  .meta({ id: 'ImportComposeResponse' });
export type ImportComposeResponse = z.output<typeof importComposeResponse>;
