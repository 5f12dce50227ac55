/**
 * All routes as files below one folder, in the form in which Caddy looks them up (base-config.ts):
 *
 *   services/<id>/...            live replicas, see upstream-files.ts
 *   hosts/<host>                 symlink to ../services/<id>
 *   wildcards/<parent>           the same for `*.<parent>`
 *   https-only/<host>            present: plain HTTP is redirected; exact hosts only
 *   owners/<id>/<host>           which links a service has, so that the ones it loses are found without reading all links
 *
 * Each step is one atomic operation of the file system and the order is such that a crash in between leaves a state that the next
 * ensure completes: an owner entry comes before its link and goes after it. Several processes may write at once; a host that two
 * services want belongs to the last one that asked.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Route } from '../port.js';
import { emptyWhenAbsent, readUpstreams, writeUpstreams } from './upstream-files.js';

export class RouteFiles {
  constructor(private readonly dir: string) {}

  /** Hosts are sorted by name. A link that is gone or points to another service does not count. */
  async observe(): Promise<Route[]> {
    const ids = await readdir(path.join(this.dir, 'owners')).catch(emptyWhenAbsent);
    const routes = await Promise.all(
      ids.map(async (id) => {
        const hosts = await this.linked(id);
        const httpsOnly = await this.httpsOnly(hosts);
        const upstreams = await readUpstreams(this.folder(id));
        return { id, hosts, upstreams, ...(httpsOnly.length ? { httpsOnly } : {}) };
      }),
    );
    return routes.filter(({ hosts }) => hosts.length > 0);
  }

  /** Upstreams before hosts: a host that becomes visible must not answer 503 first. */
  async ensure(route: Route): Promise<void> {
    await writeUpstreams(this.folder(route.id), route.upstreams);
    await this.linkAll(route);
  }

  async ensureHosts(route: Pick<Route, 'id' | 'hosts' | 'httpsOnly'>): Promise<void> {
    if ((await this.owned(route.id)).length > 0) await this.linkAll(route);
  }

  private async linkAll({ id, hosts, httpsOnly = [] }: Pick<Route, 'id' | 'hosts' | 'httpsOnly'>): Promise<void> {
    const owned = await this.owned(id);
    await Promise.all(hosts.map((host) => this.link(id, host, owned.includes(host))));
    await Promise.all(hosts.map((host) => this.setHttpsOnly(host, httpsOnly.includes(host))));
    await Promise.all(owned.filter((host) => !hosts.includes(host)).map((host) => this.unlink(id, host)));
  }

  async ensureAbsent(id: string): Promise<void> {
    await Promise.all((await this.owned(id)).map((host) => this.unlink(id, host)));
    await rm(path.join(this.dir, 'owners', id), { recursive: true, force: true });
    await rm(this.folder(id), { recursive: true, force: true });
  }

  private folder(id: string): string {
    return path.join(this.dir, 'services', id);
  }

  private owned(id: string): Promise<string[]> {
    return readdir(path.join(this.dir, 'owners', id)).catch(emptyWhenAbsent);
  }

  private async linked(id: string): Promise<string[]> {
    const hosts = await this.owned(id);
    const owners = await Promise.all(hosts.map((host) => this.ownerOf(host)));
    return hosts.filter((_, index) => owners[index] === id).sort();
  }

  private async link(id: string, host: string, owned: boolean): Promise<void> {
    if (owned && (await this.ownerOf(host)) === id) return;
    const owner = path.join(this.dir, 'owners', id, host);
    const link = this.linkPath(host);
    await Promise.all([
      mkdir(path.dirname(owner), { recursive: true }),
      mkdir(path.dirname(link), { recursive: true }),
    ]);
    await writeFile(owner, '');
    // A rename replaces the link of another service in one step; symlink() itself would refuse to.
    const temporary = path.join(this.dir, `.link-${randomUUID()}`);
    await symlink(path.join('..', 'services', id), temporary);
    await rename(temporary, link);
  }

  private async unlink(id: string, host: string): Promise<void> {
    if ((await this.ownerOf(host)) === id) {
      await this.setHttpsOnly(host, false);
      await rm(this.linkPath(host), { force: true });
    }
    await rm(path.join(this.dir, 'owners', id, host), { force: true });
  }

  private async setHttpsOnly(host: string, wanted: boolean): Promise<void> {
    const file = path.join(this.dir, 'https-only', host);
    if (!wanted) return rm(file, { force: true });
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, '');
  }

  private async httpsOnly(hosts: string[]): Promise<string[]> {
    const listed: string[] = await readdir(path.join(this.dir, 'https-only')).catch(emptyWhenAbsent);
    return hosts.filter((host) => listed.includes(host));
  }

  /** null: nobody. */
  private async ownerOf(host: string): Promise<string | null> {
    const target = await readlink(this.linkPath(host)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    return target === null ? null : path.basename(target);
  }

  private linkPath(host: string): string {
    return host.startsWith('*.') ? path.join(this.dir, 'wildcards', host.slice(2)) : path.join(this.dir, 'hosts', host);
  }
}
