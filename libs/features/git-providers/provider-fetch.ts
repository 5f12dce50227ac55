/** Fetches the source of a service, with the token of its git provider when it has one. */
import { Inject, Injectable } from '@nestjs/common';
import type { GitProviderApi } from '#drivers/git-providers/port.js';
import type { FetchedCommit, FetchRequest, SourceStore } from '#drivers/source/port.js';
import { SOURCE } from '#drivers/tokens.js';
import { AppError } from '#platform/errors.js';
import { ProviderAccounts, requireAtProvider } from './provider-accounts.js';

export interface FetchWish extends Omit<FetchRequest, 'remote'> {
  url: string;
  /** Id of a git provider; null = without a login. Undefined in plans of the version before. */
  provider?: string | null;
}

/** What git says when a token is refused; which of these depends on the provider. */
const NO_ENTRY = ['repository_auth_required', 'repository_not_found'];

@Injectable()
export class ProviderFetch {
  constructor(
    private readonly accounts: ProviderAccounts,
    @Inject(SOURCE) private readonly source: SourceStore,
  ) {}

  /** @throws as SourceStore.fetch; Invalid `git_provider_removed`, `repository_not_at_provider`, `provider_token_refused`. */
  async fetch({ url, provider, ...wish }: FetchWish, signal: AbortSignal): Promise<FetchedCommit> {
    if (!provider) return this.source.fetch({ ...wish, remote: { url } }, signal);
    const api = await this.accounts.open(provider, { signal });
    requireAtProvider(api, url);
    const remote = { url, credentials: api.credentials };
    return this.source.fetch({ ...wish, remote }, signal).catch((error) => explained(api, error));
  }
}

/** git cannot tell a revoked token from a repository that its account may not read: the provider can. */
async function explained(api: GitProviderApi, error: unknown): Promise<never> {
  if (error instanceof AppError && NO_ENTRY.includes(error.code)) await api.check();
  throw error;
}
