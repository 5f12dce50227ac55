/** Calls below one repository, where 404 has a meaning. */
import { repositoryNotFound } from './errors.js';
import type { ProviderHttp, Wish } from './http.js';
import { collect, linkOf } from './paging.js';
import type { ProviderKind } from './port.js';

// biome-ignore lint/suspicious/noExplicitAny: objects of four foreign APIs; each provider names the fields it reads
export type Json = any;

export class RepositoryCalls {
  /** @param pathOf path of a repository in the API. */
  constructor(
    private readonly kind: ProviderKind,
    private readonly http: ProviderHttp,
    private readonly pathOf: (fullName: string) => string,
  ) {}

  /** @throws NotFound `provider_repository_not_found`. */
  async ask(fullName: string, path: string, method: Wish['method'] = 'GET', body?: unknown): Promise<Json> {
    const answer = await this.http.call(this.pathOf(fullName) + path, { method, body, accept: [404] });
    if (answer.status === 404) throw repositoryNotFound(this.kind, fullName);
    return answer.body;
  }

  /** null: there is none, or one of the other statuses given. */
  async find(fullName: string, path: string, others: number[] = []): Promise<Json | null> {
    const { status, body } = await this.http.call(this.pathOf(fullName) + path, { accept: [404, ...others] });
    return status >= 200 && status < 300 ? body : null;
  }

  /** False: it is not there. */
  async act(fullName: string, path: string, method: 'POST' | 'DELETE'): Promise<boolean> {
    const { status } = await this.http.call(this.pathOf(fullName) + path, { method, accept: [404] });
    return status !== 404;
  }

  /** A list in pages linked by the `Link` header. @throws NotFound `provider_repository_not_found`. */
  list<T>(fullName: string, path: string, map: (item: Json) => T, most = 300): Promise<T[]> {
    return collect(this.pathOf(fullName) + path, (page) => this.page(fullName, page, map), most);
  }

  private async page<T>(fullName: string, path: string, map: (item: Json) => T) {
    const { status, body, headers } = await this.http.call<Json[]>(path, { cached: true, accept: [404] });
    if (status === 404) throw repositoryNotFound(this.kind, fullName);
    return { items: body.map(map), next: linkOf(headers.link, 'next') };
  }
}

/** Path segments of a branch: its slashes stay. */
export const inPath = (name: string): string => name.split('/').map(encodeURIComponent).join('/');
