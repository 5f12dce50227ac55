/** Accounts at git providers. A token is proved at the provider before it is stored; nobody reads it back. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { CreateGitProviderRequest, RepositoryListQuery, UpdateGitProviderRequest } from '#contracts/git.js';
import { webAddress } from '#drivers/git-providers/address.js';
import { NAMES } from '#drivers/git-providers/errors.js';
import type { ProviderAccount, ProviderKind } from '#drivers/git-providers/port.js';
import { recordAudit } from '#features/audit/index.js';
import { Conflict } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { providerView, repositoryView } from './git-providers.view.js';
import { ProviderAccounts, type ProviderRow, tokenPlace } from './provider-accounts.js';

const resource = 'git_provider';
/** A request waits this long for a rate limit to pass. */
const PATIENCE_MS = 2000;

@Injectable()
export class GitProvidersService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly accounts: ProviderAccounts,
  ) {}

  async list(caller: Caller) {
    const rows = await this.db.gitProvider.findMany({
      where: { userId: caller.userId },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    });
    return rows.map(providerView);
  }

  /** @throws what the provider's check throws, e.g. Invalid `provider_token_refused`, `provider_address_wrong`. */
  async create(caller: Caller, request: CreateGitProviderRequest) {
    const { type, access_token: token, base_url: baseUrl = null, username = null } = request;
    const login = await this.loginOf({ kind: type, baseUrl, token, username });
    const id = randomUUID();
    const data = { type, baseUrl, username, login, name: request.name ?? defaultName(type, baseUrl, login) };
    return this.db.$transaction(async (tx) => {
      const sealed = this.box.seal(token, tokenPlace(id));
      const row = await tx.gitProvider.create({ data: { id, userId: caller.userId, ...data, token: sealed } });
      await recordAudit(tx, caller, { resource, resourceId: id, action: 'create', after: facts(row) });
      return providerView(row);
    });
  }

  /** A new token must belong to the same provider; its account may be another. @throws as create. */
  async update(caller: Caller, id: string, request: UpdateGitProviderRequest) {
    const known = await this.require(this.db, caller, id);
    const { access_token: token, name } = request;
    const username = request.username === undefined ? known.username : request.username;
    const account = { kind: known.type as ProviderKind, baseUrl: known.baseUrl, username };
    const login = token ? await this.loginOf({ ...account, token }) : known.login;
    const proved = token ? { username, login, token: this.box.seal(token, tokenPlace(id)) } : {};
    return this.db.$transaction(async (tx) => {
      const before = await this.require(tx, caller, id);
      const row = await tx.gitProvider.update({ where: { id }, data: { name, ...proved } });
      const after = { ...facts(row), token_replaced: token !== undefined };
      await recordAudit(tx, caller, { resource, resourceId: id, action: 'update', before: facts(before), after });
      return providerView(row);
    });
  }

  /** @throws Conflict `git_provider_in_use`. */
  remove(caller: Caller, id: string): Promise<void> {
    return this.db.$transaction(async (tx) => {
      const row = await this.require(tx, caller, id);
      await requireUnused(tx, id);
      await tx.gitProvider.delete({ where: { id } });
      await recordAudit(tx, caller, { resource, resourceId: id, action: 'delete', before: facts(row) });
    });
  }

  /** @throws Unavailable `provider_rate_limited`, `provider_unavailable`. */
  async repositories(caller: Caller, id: string, query: RepositoryListQuery) {
    const row = await this.require(this.db, caller, id);
    const page = await this.accounts.openRow(row, { patienceMs: PATIENCE_MS }).repositories(query);
    return { ...page, items: page.items.map(repositoryView) };
  }

  private async require(db: Tx, caller: Caller, id: string): Promise<ProviderRow> {
    const row = await db.gitProvider.findFirst({ where: { id, userId: caller.userId } });
    if (!row) throw notFound('git provider');
    return row;
  }

  private async loginOf(account: ProviderAccount): Promise<string | null> {
    return (await this.accounts.openAccount(account, { patienceMs: PATIENCE_MS }).check()).login;
  }
}

function defaultName(kind: ProviderKind, baseUrl: string | null, login: string | null): string {
  const where = baseUrl === null ? NAMES[kind] : new URL(webAddress({ kind, baseUrl })).host;
  return login === null ? where : `${where} (${login})`;
}

function facts({ type, name, baseUrl, username, login }: ProviderRow) {
  return { type, name, base_url: baseUrl, username, login };
}

async function requireUnused(tx: Tx, id: string): Promise<void> {
  const used = await tx.service.count({
    where: { deletedAt: null, source: { path: ['provider_id'], equals: id } },
  });
  if (used === 0) return;
  const services = used === 1 ? '1 service is' : `${used} services are`;
  throw new Conflict(
    'git_provider_in_use',
    `${services} fetched with this git provider: change their source first, or replace the token with PATCH.`,
    { details: { services: used } },
  );
}
