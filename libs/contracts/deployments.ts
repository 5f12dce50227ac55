/** Deployments: one attempt to make one image and one configuration the live release of a service. */
import { z } from 'zod';
import { branchName, commitHash } from './service-source.js';
import { variableKey, variableValue } from './variables.js';

export const deploymentStatus = z
  .enum(['pending', 'building', 'deploying', 'running', 'superseded', 'failed', 'cancelled'])
  .meta({ id: 'DeploymentStatus' })
  .describe('`running` is the live one.');
export type DeploymentStatus = z.output<typeof deploymentStatus>;

export const createDeploymentRequest = z
  .object({
    commit_hash: commitHash.optional().describe('Source commit; default: head of the branch.'),
    branch: branchName.optional().describe("Source branch; default: the service's."),
    trigger: z
      .enum(['manual', 'restart', 'webhook'])
      .optional()
      .describe('`restart` starts the live image again with the current configuration.'),
    env_vars: z
      .record(variableKey, variableValue)
      .optional()
      .describe('Runtime variable overrides for this deployment only.'),
  })
  .optional()
  .meta({ id: 'CreateDeploymentRequest' });
export type CreateDeploymentRequest = NonNullable<z.output<typeof createDeploymentRequest>>;

export const deploymentStep = z
  .object({
    name: z.string(),
    status: z.enum(['pending', 'running', 'done', 'failed', 'undoing', 'undone']),
    started_at: z.iso.datetime().nullable(),
    finished_at: z.iso.datetime().nullable(),
    error: z.string().nullable(),
  })
  .meta({ id: 'DeploymentStep' });

/** Fields of the contract are left out while unknown (its types are not nullable); fields beyond it are null. */
const summary = z.object({
  id: z.uuid(),
  service_id: z.uuid(),
  commit_hash: z.string().optional(),
  commit_message: z.string().nullable(),
  branch: z.string().nullable(),
  trigger: z.string().describe('manual, push, restart, start, rollback or webhook.'),
  status: deploymentStatus,
  image_name: z.string().optional(),
  image_tag: z.string().optional(),
  rollback_of: z.uuid().nullable(),
  error: z.string().optional(),
  error_code: z.string().nullable(),
  started_at: z.iso.datetime().optional(),
  completed_at: z.iso.datetime().optional(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

const deploymentReport = z
  .object({
    state: z.enum(['pending', 'success', 'failure', 'cancelled']).nullable().describe('What it was told last.'),
    reported_at: z.iso.datetime().nullable(),
    error: z.string().nullable().describe('Why it could not be told; the deployment itself is not affected.'),
    error_code: z.string().nullable(),
  })
  .meta({ id: 'DeploymentReport' });

export const deployment = z
  .object({
    ...summary.shape,
    steps: z.array(deploymentStep).optional(),
    report: deploymentReport
      .nullable()
      .optional()
      .describe('What the git provider of the service has been told of it; null: nothing is told.'),
    build_log: z.string().optional().describe('Build log text, its last 2,000 lines.'),
    runtime_log: z.string().optional().describe('Output of the release, its last 100 lines.'),
  })
  .meta({ id: 'Deployment' });
export type DeploymentView = z.output<typeof deployment>;

export const deploymentResponse = z.object({ deployment }).meta({ id: 'DeploymentResponse' });
export const rollbackResponse = z
  .object({ deployment, message: z.string() })
  .meta({ id: 'RollbackDeploymentResponse' });

export const deploymentListQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Newest first, at most this many.'),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before.'),
  status: deploymentStatus.optional(),
});
export const deploymentList = z
  .object({ deployments: z.array(deployment), next_cursor: z.string().nullable() })
  .meta({ id: 'DeploymentListResponse' });

export const resolveDeploymentRequest = z
  .object({
    decision: z
      .enum(['retry', 'abandon'])
      .describe('For a deployment whose clean-up failed: try the clean-up again, or end it as it is.'),
  })
  .meta({ id: 'ResolveDeploymentRequest' });

export const logEntry = z
  .object({
    timestamp: z.iso.datetime({ offset: true }),
    message: z.string(),
    stream: z.string().describe('stdout, stderr, or build.'),
    replica: z.int().nullable().optional(),
  })
  .meta({ id: 'ServiceLogEntry' });
export type LogEntry = z.output<typeof logEntry>;

const booleanText = z
  .union([z.boolean(), z.enum(['true', 'false', '1', '0', ''])])
  .transform((value) => value === true || value === 'true' || value === '1');
const tail = z
  .string()
  .regex(/^(all|\d{1,6})$/, 'must be a number up to 999999 or "all"')
  .default('100')
  .describe('Number of recent log lines, or "all" (at most 10,000 without follow).');

const moment = (what: string) =>
  z
    .string()
    .regex(/^\d{1,7}[smhd]$/, 'must be a time such as 2026-01-02T03:04:05Z, or an age such as 30s, 15m, 2h, 7d')
    .or(
      z.iso.datetime({
        offset: true,
        error: 'must be a time such as 2026-01-02T03:04:05Z, or an age such as 30s, 15m, 2h, 7d',
      }),
    )
    .optional()
    .describe(`${what}: an RFC 3339 time, or an age such as 30s, 15m, 2h, 7d.`);
export const logRange = z.object({
  search: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Only lines that contain this text, whatever its case. Redacted values are not found.'),
  since: moment('Only lines from this time on'),
  until: moment('Only lines up to this time; a stream ends then'),
});

export const serviceLogsQuery = logRange.extend({
  follow: booleanText.default(false).describe('Stream logs continuously over SSE.'),
  tail,
});
const partial = z
  .boolean()
  .optional()
  .describe(
    'True when not everything was looked at: the bounds of one answer were reached. Ask for a shorter range of time.',
  );
export const serviceLogs = z
  .object({ logs: z.array(logEntry), message: z.string().optional(), partial })
  .meta({ id: 'ServiceLogsResponse' });
export const deploymentLogsQuery = logRange.extend({
  type: z.enum(['all', 'build', 'runtime']).default('all').describe('Select log stream.'),
  follow: booleanText.default(false).describe('Stream over SSE: `log`, `status` and finally `end` events.'),
  tail,
});
export const deploymentLogs = z
  .object({
    logs: z.array(logEntry),
    build_log: z.string().optional(),
    runtime_log: z.string().optional(),
    message: z.string().optional().describe('Why something is missing.'),
    partial,
  })
  .meta({ id: 'DeploymentLogsResponse' });

export const execution = z
  .object({
    id: z.uuid(),
    service_id: z.uuid(),
    deployment_id: z.uuid().nullable(),
    trigger: z.enum(['schedule', 'manual']),
    scheduled_for: z.iso.datetime(),
    status: z.enum(['pending', 'running', 'succeeded', 'failed', 'skipped', 'cancelled']),
    exit_code: z.int().nullable(),
    error: z.string().nullable(),
    output: z.string().nullable().describe('Last lines of output.'),
    started_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Execution' });
export const executionList = z
  .object({ executions: z.array(execution), next_cursor: z.string().nullable() })
  .meta({ id: 'ExecutionListResponse' });
export const executionListQuery = deploymentListQuery.omit({ status: true });
