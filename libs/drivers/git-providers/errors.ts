/** What a provider's refusal means to us. */
import { type AppError, Invalid, NotFound, Unavailable } from '#platform/errors.js';
import type { ProviderKind } from './port.js';

export const NAMES: Record<ProviderKind, string> = {
  github: 'GitHub',
  gitlab: 'GitLab',
  bitbucket: 'Bitbucket',
  gitea: 'Gitea',
};

/** What a token needs for everything we do. Sources: docs.github.com "Scopes for OAuth apps", docs.gitlab.com "Personal access tokens",
 * support.atlassian.com "API token permissions", docs.gitea.com "API usage: scopes". */
export const SCOPES: Record<ProviderKind, string> = {
  github:
    'repo and admin:repo_hook (fine-grained: contents and metadata read; webhooks, commit statuses, deployments, pull requests write)',
  gitlab: 'api',
  bitbucket:
    'read:user, read:workspace, read:repository, read:pullrequest, write:pullrequest, read:webhook, write:webhook, delete:webhook, write:repository',
  gitea: 'read:user and write:repository, write:issue',
};

export function tokenRefused(kind: ProviderKind, cause?: unknown): AppError {
  return new Invalid(
    'provider_token_refused',
    `${NAMES[kind]} does not accept the access token: it is wrong, expired or revoked. Make a new one there and store it at the git provider.`,
    { cause },
  );
}

export function tokenInsufficient(kind: ProviderKind, said: string): AppError {
  return new Invalid(
    'provider_token_insufficient',
    `${NAMES[kind]} does not let this access token do that (${said}). It needs the scopes ${SCOPES[kind]}, and its account the rights in the repository.`,
  );
}

export function addressWrong(kind: ProviderKind, host: string, cause?: unknown): AppError {
  return new Invalid(
    'provider_address_wrong',
    `What answers at ${host} is not the API of ${NAMES[kind]}: check base_url and type.`,
    { cause },
  );
}

export function rateLimited(kind: ProviderKind, seconds: number): AppError {
  return new Unavailable(
    'provider_rate_limited',
    `${NAMES[kind]} limits how often it may be asked: try again in ${seconds} s.`,
    { details: { retry_after_seconds: seconds } },
  );
}

export function unavailable(kind: ProviderKind, host: string, cause: unknown): AppError {
  return new Unavailable('provider_unavailable', `${NAMES[kind]} (${host}) does not answer: try again in a minute.`, {
    cause,
  });
}

export function refused(kind: ProviderKind, status: number, said: string): AppError {
  return new Invalid('provider_refused', `${NAMES[kind]} does not accept this (${status}): ${said}`);
}

export function repositoryNotFound(kind: ProviderKind, fullName: string): AppError {
  return new NotFound(
    'provider_repository_not_found',
    `${NAMES[kind]} has no repository ${fullName}, or the access token may not see it.`,
  );
}

export function hookNotFound(kind: ProviderKind): AppError {
  return new NotFound('provider_hook_not_found', `${NAMES[kind]} does not have this webhook any more.`);
}

export function pullRequestNotFound(fullName: string, number: number): AppError {
  return new NotFound('pull_request_not_found', `${fullName} has no pull request ${number}.`);
}
