/** Pages of lists. */
import type { ProviderRepository, RepositoryPage, RepositoryQuery } from './port.js';

/** RFC 8288: `<https://...>; rel="next", <...>; rel="last"`. */
export function linkOf(header: string | string[] | undefined, rel: string): string | null {
  for (const part of String(header ?? '').split(/,\s*(?=<)/)) {
    const [, url, parameters] = part.match(/^\s*<([^>]*)>(.*)$/) ?? [];
    if (url && new RegExp(`;\\s*rel="?${rel}"?\\s*(;|$)`).test(parameters ?? '')) return url;
  }
  return null;
}

export const headerNumber = (value: string | string[] | undefined): number | null =>
  typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : null;

/** Everything up to a bound, page by page. @param load with the address of a page; gives its items and the address of the next. */
export async function collect<T>(
  first: string,
  load: (path: string) => Promise<{ items: T[]; next: string | null }>,
  most: number,
): Promise<T[]> {
  const all: T[] = [];
  for (let path: string | null = first; path !== null && all.length < most; ) {
    const page: { items: T[]; next: string | null } = await load(path);
    all.push(...page.items);
    path = page.next;
  }
  return all.slice(0, most);
}

/** One page of a list that is here as a whole: for providers that cannot search in what a token sees. */
export function sliced(all: ProviderRepository[], { search, page, limit }: RepositoryQuery): RepositoryPage {
  const part = search?.toLowerCase();
  const found = part ? all.filter(({ fullName }) => fullName.toLowerCase().includes(part)) : all;
  const items = found.slice((page - 1) * limit, page * limit);
  return { items, total: found.length, next: page * limit < found.length ? page + 1 : null };
}
