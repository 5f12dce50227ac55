/** Rows -> what leaves the process: never the token. */
import type { GitProviderView, GitRepositoryView } from '#contracts/git.js';
import { webAddress } from '#drivers/git-providers/address.js';
import type { ProviderKind, ProviderRepository } from '#drivers/git-providers/port.js';
import type { ProviderRow } from './provider-accounts.js';

export function providerView(row: ProviderRow): GitProviderView {
  const { id, name, baseUrl, username, login, createdAt, updatedAt } = row;
  const type = row.type as ProviderKind;
  return {
    id,
    type,
    name,
    access_token: '********',
    base_url: webAddress({ kind: type, baseUrl }),
    username,
    login,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

export function repositoryView(repository: ProviderRepository): GitRepositoryView {
  const { id, name, fullName, description, defaultBranch, cloneUrl, webUrl } = repository;
  return {
    id,
    name,
    full_name: fullName,
    description: description ?? '',
    private: repository.private,
    default_branch: defaultBranch ?? '',
    clone_url: cloneUrl,
    web_url: webUrl,
  };
}
