/** Where a provider and its repositories are. Pure. */
import type { ProviderAccount, ProviderKind } from './port.js';

const PUBLIC: Record<ProviderKind, string> = {
  github: 'https://github.com',
  gitlab: 'https://gitlab.com',
  bitbucket: 'https://bitbucket.org',
  gitea: 'https://codeberg.org',
};

/** The API below a self-hosted provider's web address; GitHub and Bitbucket have hosts of their own for their public ones. */
const API_PATH: Record<ProviderKind, string> = {
  github: '/api/v3',
  gitlab: '/api/v4',
  bitbucket: '/!api/2.0',
  gitea: '/api/v1',
};
const PUBLIC_API: Partial<Record<ProviderKind, string>> = {
  github: 'https://api.github.com',
  bitbucket: 'https://api.bitbucket.org/2.0',
};

export function webAddress({ kind, baseUrl }: Pick<ProviderAccount, 'kind' | 'baseUrl'>): string {
  return (baseUrl ?? PUBLIC[kind]).replace(/\/+$/, '');
}

export function apiAddress(account: Pick<ProviderAccount, 'kind' | 'baseUrl'>): string {
  const own = account.baseUrl === null ? PUBLIC_API[account.kind] : undefined;
  return own ?? webAddress(account) + API_PATH[account.kind];
}

/** null: not a repository of this provider, so its token must not go there. */
export function fullNameOf(account: Pick<ProviderAccount, 'kind' | 'baseUrl'>, url: string): string | null {
  if (!URL.canParse(url)) return null;
  const base = new URL(`${webAddress(account)}/`);
  const given = new URL(url);
  if (given.origin !== base.origin || !given.pathname.startsWith(base.pathname)) return null;
  const name = given.pathname
    .slice(base.pathname.length)
    .replace(/\/+$/, '')
    .replace(/\.git$/, '');
  const parts = name.split('/');
  const fits = account.kind === 'gitlab' ? parts.length >= 2 : parts.length === 2;
  return fits && parts.every((part) => /^[\w.~-]+$/.test(part) && !/^\.+$/.test(part)) ? name : null;
}
