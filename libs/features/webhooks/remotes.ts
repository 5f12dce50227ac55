/** What the repository itself says: the one truth about where a branch is, whatever a delivery claims and in whichever order they come. */
import { Inject, Injectable } from '@nestjs/common';
import type { Remote, RemoteRefs, SourceStore } from '#drivers/source/port.js';
import { SOURCE } from '#drivers/tokens.js';
import { ProviderAccounts } from '#features/git-providers/index.js';
import { Invalid } from '#platform/errors.js';
import type { HookedService } from './hooked-services.js';

/** For one look at the refs of a remote. */
const LIST_DEADLINE_MS = 30_000;
const FETCH_DEADLINE_MS = 60_000;

@Injectable()
export class Remotes {
  constructor(
    @Inject(SOURCE) private readonly source: SourceStore,
    private readonly accounts: ProviderAccounts,
  ) {}

  /** @throws AppError as SourceStore does. */
  async refs(service: HookedService, names: string[], signal: AbortSignal): Promise<RemoteRefs> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(LIST_DEADLINE_MS)]);
    return this.source.remoteRefs(await this.remote(service), [...new Set(names)], limited);
  }

  /** Brings the commit into the service's mirror, where its deployment finds it again. @returns its whole message. */
  async message(service: HookedService, commit: string, signal: AbortSignal): Promise<string> {
    await this.fetch(service, commit, signal);
    return this.source.message(service.id, commit);
  }

  /** Paths that differ; null when that cannot be known. */
  async changedPaths(service: HookedService, from: string, to: string, signal: AbortSignal): Promise<string[] | null> {
    await this.fetch(service, to, signal);
    await this.fetch(service, from, signal);
    return this.source.changedPaths(service.id, from, to);
  }

  private async fetch(service: HookedService, commit: string, signal: AbortSignal): Promise<void> {
    const remote = await this.remote(service);
    const request = { repository: service.id, remote, branch: null, commit, log: () => undefined };
    await this.source.fetch(request, AbortSignal.any([signal, AbortSignal.timeout(FETCH_DEADLINE_MS)]));
  }

  /** The token goes to the provider's own host only. @throws Invalid `git_provider_removed`, `repository_not_at_provider`. */
  private async remote({ url, providerId }: HookedService): Promise<Remote> {
    if (providerId === null) return { url };
    const api = await this.accounts.open(providerId);
    if (api.fullNameOf(url) !== null) return { url, credentials: api.credentials };
    const message = 'The repository is not one of this git provider: change the source of the service.';
    throw new Invalid('repository_not_at_provider', message);
  }
}
