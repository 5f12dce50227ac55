/** Pages as providers make them. */
import { createHmac } from 'node:crypto';
import type { Call } from './dialect.js';
import type { Hook, Json } from './repository.js';

export const hmac = (algorithm: string, secret: string, body: Buffer): string =>
  createHmac(algorithm, secret).update(body).digest('hex');

export interface Page<T> {
  items: T[];
  page: number;
  pages: number;
  total: number;
  /** Address of another page. */
  at(page: number): string;
}

/** @param size name of the parameter. @param most larger wishes are cut to this */
export function pageOf<T>({ query, url }: Call, all: T[], size: string, standard: number, most: number): Page<T> {
  const limit = Math.min(most, Number(query.get(size) ?? standard));
  const page = Number(query.get('page') ?? 1);
  const at = (number: number) => {
    const other = new URLSearchParams(query);
    other.set('page', String(number));
    return `${url}?${other}`;
  };
  const items = all.slice((page - 1) * limit, page * limit);
  return { items, page, pages: Math.max(1, Math.ceil(all.length / limit)), total: all.length, at };
}

/** RFC 8288, as GitHub, GitLab and Gitea write it. */
export function linkHeader({ page, pages, at }: Page<unknown>): Record<string, string> {
  const links = [
    ...(page < pages ? [`<${at(page + 1)}>; rel="next"`, `<${at(pages)}>; rel="last"`] : []),
    ...(page > 1 ? [`<${at(1)}>; rel="first"`, `<${at(page - 1)}>; rel="prev"`] : []),
  ];
  return links.length === 0 ? {} : { link: links.join(', ') };
}

export function newHook(id: number, uuid: string, fields: Partial<Hook>): Hook {
  const rest = { url: '', secret: '', active: true, events: [], ...fields };
  return { id, uuid, failures: 0, disabledUntil: null, lastStatus: null, ...rest };
}

export const without = <T extends object>(object: T, ...keys: string[]): Json =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
