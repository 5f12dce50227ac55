/** Opens a stored provider: the only place where a token is decrypted. */
import { Inject, Injectable } from '@nestjs/common';
import type {
  CallOptions,
  GitProviderApi,
  GitProviders,
  ProviderAccount,
  ProviderKind,
} from '#drivers/git-providers/port.js';
import { GIT_PROVIDERS } from '#drivers/tokens.js';
import { Forbidden, Invalid } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { type Prisma, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';

export type ProviderRow = Prisma.GitProviderGetPayload<object>;

/** Binds a stored token to its row. */
export const tokenPlace = (id: string): string => `git-provider:${id}`;

@Injectable()
export class ProviderAccounts {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    @Inject(GIT_PROVIDERS) private readonly providers: GitProviders,
  ) {}

  /**
   * For work that nobody waits for: whose provider it is was checked when it was stored with the service.
   * @throws Invalid `git_provider_removed`.
   */
  async open(id: string, options?: CallOptions): Promise<GitProviderApi> {
    const row = await this.db.gitProvider.findUnique({ where: { id } });
    if (row) return this.openRow(row, options);
    throw new Invalid(
      'git_provider_removed',
      'The git provider of this service has been removed: choose another one in its source.',
    );
  }

  openRow(row: ProviderRow, options?: CallOptions): GitProviderApi {
    return this.providers.open(this.accountOf(row), options);
  }

  openAccount(account: ProviderAccount, options?: CallOptions): GitProviderApi {
    return this.providers.open(account, options);
  }

  /**
   * A provider of the caller that this repository may be fetched with.
   * @throws Invalid `git_provider_not_found`, `repository_not_at_provider`; Forbidden `token_bound_to_project`.
   */
  async requireUsable(db: Tx, caller: Caller, id: string, repository: string | undefined): Promise<void> {
    if (caller.projectId) throw boundToken();
    const row = await db.gitProvider.findFirst({ where: { id, userId: caller.userId } });
    if (!row)
      throw new Invalid(
        'git_provider_not_found',
        'You have no git provider with this provider_id: see GET /git/providers.',
      );
    requireAtProvider(this.openRow(row), repository ?? '', row.baseUrl);
  }

  private accountOf(row: ProviderRow): ProviderAccount {
    const { id, type, baseUrl, username, token } = row;
    return { kind: type as ProviderKind, baseUrl, username, token: this.box.open(token, tokenPlace(id)) };
  }
}

/** It would reach every repository that its user can read. */
function boundToken(): Forbidden {
  const message = 'A token that is bound to a project cannot use git providers: use a session or an unbound token.';
  return new Forbidden('token_bound_to_project', message);
}

/** The token goes to the provider's own host only. @returns the full name. @throws Invalid `repository_not_at_provider`. */
export function requireAtProvider(api: GitProviderApi, url: string, baseUrl: string | null = null): string {
  const fullName = api.fullNameOf(url);
  if (fullName !== null) return fullName;
  const where = baseUrl ? ` It is at ${baseUrl}.` : '';
  throw new Invalid(
    'repository_not_at_provider',
    `The repository is not one of this git provider.${where} Use the clone_url of GET /git/providers/{id}/repositories, or leave out provider_id.`,
  );
}
