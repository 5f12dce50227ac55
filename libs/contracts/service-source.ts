/** Where the code of a service comes from: git over http(s), the built-in remote, or an image. */
import { z } from 'zod';

/** git check-ref-format(1), for one branch name without `refs/heads/`. */
export const branchName = z
  .string()
  .min(1)
  .max(244)
  .regex(
    /^(?![-/.])(?!.*(?:\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)))[^\p{Cc} ~^:?*[\\]+(?<![/.])$/u,
    'is not a branch name that git accepts',
  )
  .refine((name) => name !== '@', 'is not a branch name that git accepts');

export const commitHash = z
  .string()
  .toLowerCase()
  .regex(/^[0-9a-f]{7,40}$/, 'must be 7 to 40 hex digits');

/** https://pkg.go.dev/github.com/distribution/reference: [host[:port]/]path[:tag][@digest]. */
const IMAGE =
  /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?)\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;
export const imageRef = z
  .string()
  .trim()
  .max(512)
  .regex(IMAGE, 'is not an image reference such as nginx:1.22 or registry.example.com/team/app:v1');

/** Relative POSIX path inside the repository; '' and '.' are the root. */
const treePath = (what: string) =>
  z
    .string()
    .trim()
    .max(1024)
    .transform((path) => path.replace(/^\.\//, '').replace(/\/+$/, '').replace(/^\.$/, ''))
    .refine((path) => !path.startsWith('/'), `${what} must be relative to the root of the repository`)
    .refine((path) => !path.split('/').includes('..'), `${what} must not contain ".."`)
    .refine(
      (path) => path === '' || path.split('/').every((part) => part !== '' && part !== '.'),
      `${what} must not have empty parts`,
    )
    .refine((path) => !/[\p{Cc}\\]/u.test(path), `${what} must not contain control characters or backslashes`);

const repositoryUrl = z
  .string()
  .trim()
  .max(2048)
  .superRefine((text, context) => {
    const say = (message: string) => context.addIssue({ code: 'custom', message });
    if (/^[^/@\s]+@[^:/\s]+:/.test(text))
      return say('ssh addresses are not supported: use the https URL of the repository');
    if (!URL.canParse(text)) return say('must be an http(s) URL such as https://github.com/owner/repository.git');
    const url = new URL(text);
    if (!['http:', 'https:'].includes(url.protocol))
      say(`the scheme ${url.protocol} is not supported: use the https URL of the repository`);
    if (url.username || url.password) say('must not contain a user name or password');
    if (url.search || url.hash) say('must not have a query or fragment');
  });

export const serviceSource = z
  .object({
    type: z
      .enum(['git', 'dockerfile', 'image'])
      .default('git')
      .describe('Source type. `dockerfile` is git with a Dockerfile of your choice.'),
    repository: repositoryUrl
      .optional()
      .describe('Git repository URL, http(s). Without it the service has a built-in git remote to push to.'),
    provider_id: z
      .guid()
      .optional()
      .describe('One of your git providers, whose token the repository is fetched with (beyond the contract).'),
    branch: branchName
      .optional()
      .describe("Git branch. Default: the remote's default branch; main or master for the built-in remote."),
    root_directory: treePath('root_directory').optional().describe('Root directory for build.'),
    dockerfile: treePath('dockerfile').optional().describe('Dockerfile path, relative to root_directory.'),
    image: imageRef.optional().describe('Docker image name, for type `image`.'),
  })
  .superRefine((source, context) => {
    if (source.type === 'image' && !source.image)
      context.addIssue({ code: 'custom', path: ['image'], message: 'is required for type image' });
    if (source.type === 'image' && source.repository)
      context.addIssue({ code: 'custom', path: ['repository'], message: 'does not go with type image' });
    if (source.provider_id && !source.repository)
      context.addIssue({ code: 'custom', path: ['provider_id'], message: 'needs a repository' });
    if (source.type !== 'image' && source.image)
      context.addIssue({ code: 'custom', path: ['image'], message: `does not go with type ${source.type}` });
  })
  .meta({ id: 'ServiceSource' });
export type ServiceSource = z.output<typeof serviceSource>;
