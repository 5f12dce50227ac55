/** Builds: source -> image, for a deployment or by themselves. Field names of the contract; fields beyond it are marked. */
import { z } from 'zod';
import { branchName, commitHash, imageRef } from './service-source.js';
import { variableKey, variableValue } from './variables.js';

export const buildStatusName = z.enum(['pending', 'running', 'success', 'failed', 'cancelled']);
export type BuildStatusName = z.output<typeof buildStatusName>;
const instant = z.iso.datetime();

export const build = z
  .object({
    id: z.uuid().describe("Build ID. The build of a deployment has the deployment's."),
    project_id: z.uuid().optional(),
    service_id: z.uuid().optional(),
    status: buildStatusName,
    progress: z.int().min(0).max(100).describe('Steps done of the steps known so far, in percent.'),
    started_at: instant.optional().describe('When it got its build slot.'),
    completed_at: instant.optional(),
    image_name: z.string(),
    image_tag: z.string(),
    size: z.int().optional().describe('Built image size in bytes.'),
    error: z.string().optional(),
    log: z.string().optional().describe('Build log, its last 2,000 lines; not in lists.'),
    metadata: z
      .record(z.string(), z.string())
      .describe(
        'build_type, recognised, queue_position (while it waits), steps, image_id, image_ref (what a service of type image can run), digest (of the registry, when pushed), error_code, deployment_id, commit.',
      ),
    created_at: instant,
  })
  .meta({ id: 'BuildStatus' });
export type BuildView = z.output<typeof build>;

/** One path of a repository's name, without a registry: github.com/distribution/reference. */
const imageName = z
  .string()
  .trim()
  .max(200)
  .regex(
    /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/,
    'must be lower-case letters and digits, with ".", "_", "-" and "/" between them, e.g. team/app',
  );
const imageTag = z.string().regex(/^\w[\w.-]{0,127}$/, 'must be a tag such as v1.2 (letters, digits, "_", ".", "-")');
/** `host[:port]`, also when given as a URL. */
export const registryHost = z
  .string()
  .trim()
  .toLowerCase()
  .transform((text) => text.replace(/^https?:\/\//, '').replace(/\/+$/, ''))
  .refine(
    (text) =>
      text.length <= 255 &&
      /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::\d{1,5})?$/.test(
        text,
      ),
    'must be a registry such as registry.example.com or registry.example.com:5000',
  );
const command = z
  .string()
  .trim()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character');
const labelKey = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'is not a label name')
  .refine((key) => !/^containr\./i.test(key), 'labels that start with "containr." are the platform\'s own');

export const startBuildRequest = z
  .object({
    build_type: z
      .enum(['railpack', 'nixpacks', 'dockerfile', 'prebuilt'])
      .optional()
      .describe('Left out: a Dockerfile when there is one, else the source is recognised.'),
    source_path: z
      .string()
      .min(1)
      .max(4096)
      .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
      .optional()
      .describe('Folder below the one that the operator has configured.'),
    prebuilt_image: imageRef.optional().describe('For build_type prebuilt: the image that is taken.'),
    image_name: imageName,
    image_tag: imageTag,
    registry_url: registryHost
      .optional()
      .describe('Registry that the image is pushed to, with your stored credentials.'),
    build_command: command.optional(),
    start_command: command.optional().describe("Becomes the image's command."),
    environment: z.record(variableKey, variableValue).optional().describe('Variables of the build.'),
    build_args: z.record(variableKey, variableValue).optional().describe('Build-time arguments, for ARG.'),
    labels: z.record(labelKey, z.string().max(4096)).optional(),
    project_id: z.guid().optional(),
    service_id: z.guid().optional().describe('Its repository is the source.'),
    branch: branchName.optional(),
    commit: commitHash.optional(),
  })
  .superRefine((request, context) => {
    const say = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const prebuilt = request.build_type === 'prebuilt';
    if (prebuilt && !request.prebuilt_image) say('prebuilt_image', 'is required for build_type prebuilt');
    if (!prebuilt && request.prebuilt_image) say('prebuilt_image', 'goes with build_type prebuilt only');
    if (!prebuilt && !request.source_path && !request.service_id)
      say('source_path', 'give a source: source_path, service_id, or build_type prebuilt with prebuilt_image');
    if (request.source_path && (request.branch || request.commit))
      say('branch', 'branch and commit go with the repository of a service, not with source_path');
  })
  .meta({ id: 'StartBuildRequest' });
export type StartBuildRequest = z.output<typeof startBuildRequest>;

export const startBuildResponse = z
  .object({
    id: z.uuid(),
    status: buildStatusName,
    image_name: z.string(),
    image_tag: z.string(),
    size: z.int().optional(),
    digest: z.string().optional(),
    build_time: instant.describe('When it was asked for.'),
    success: z.boolean().describe('The request was accepted.'),
    error: z.string().optional(),
  })
  .meta({ id: 'StartBuildResponse' });

export const buildListQuery = z.object({
  project_id: z.guid().optional().describe('Builds of this project.'),
  service_id: z.guid().optional().describe('Builds of this service.'),
  status: buildStatusName.optional(),
  page: z.coerce.number().int().min(1).default(1).describe('Page number, from 1.'),
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Items per page, newest first.'),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before; wins over page.'),
});
export type BuildListQuery = z.output<typeof buildListQuery>;
export const buildList = z
  .object({
    builds: z.array(build),
    total: z.int().describe('Number of builds; 10001 means more than 10,000.'),
    page: z.int(),
    limit: z.int(),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'BuildListResponse' });
export const buildCancelResponse = z.object({ message: z.string() }).meta({ id: 'BuildCancelResponse' });
export const buildLogsQuery = z.object({
  follow: z
    .union([z.boolean(), z.enum(['true', 'false', '1', '0', ''])])
    .transform((value) => value === true || value === 'true' || value === '1')
    .default(false)
    .describe('Stream lines as they come, until the build has ended.'),
});

export const registryCredentialRequest = z
  .object({
    registry: registryHost.describe('host[:port]; docker.io for Docker Hub.'),
    username: z
      .string()
      .min(1)
      .max(255)
      .refine((text) => !/[\p{Cc}:]/u.test(text), 'must not contain ":" or control characters'),
    password: z.string().min(1).max(8192).describe('Password or token; never shown again.'),
  })
  .meta({ id: 'RegistryCredentialRequest' });
export type RegistryCredentialRequest = z.output<typeof registryCredentialRequest>;
export const registryCredential = z
  .object({ id: z.uuid(), registry: z.string(), username: z.string(), created_at: instant, updated_at: instant })
  .meta({ id: 'RegistryCredential' });
export const registryCredentialList = z
  .object({ credentials: z.array(registryCredential) })
  .meta({ id: 'RegistryCredentialListResponse' });
