/** DiskProbe of this machine, by statfs(2): a system call, no process and no walk through files. */
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Disk, DiskProbe } from './port.js';

interface Place {
  holds: string;
  path: string;
}

export class LocalDisks implements DiskProbe {
  private dockerRoot: string | null = null;
  private asking: Promise<void> | null = null;

  /** @param askDockerRoot data root of an engine on this machine; null for one elsewhere, whose disk cannot be seen from here. */
  constructor(
    private readonly dataDir: string,
    private readonly askDockerRoot: () => Promise<string | null>,
  ) {}

  async read({ ask = false }: { ask?: boolean } = {}): Promise<Disk[]> {
    const asked = this.ask();
    if (ask) await asked;
    const places: Place[] = [{ holds: 'the data folder', path: this.dataDir }];
    if (this.dockerRoot) places.push({ holds: 'the Docker Engine', path: this.dockerRoot });
    return byFileSystem(await Promise.all(places.map(look)));
  }

  /** Asked until it is known. An engine that does not answer is reported by whoever needs it for its work. */
  private ask(): Promise<void> {
    if (this.dockerRoot !== null) return Promise.resolve();
    this.asking ??= this.askDockerRoot()
      .then((root) => {
        this.dockerRoot = root;
      })
      .catch(() => undefined)
      .finally(() => {
        this.asking = null;
      });
    return this.asking;
  }
}

/** Null when the engine's root cannot be seen from here: it runs in another mount namespace. */
async function look({ holds, path: wanted }: Place): Promise<(Disk & { device: number }) | null> {
  const existing = await nearest(wanted);
  if (existing === '/' && wanted !== '/' && holds !== 'the data folder') return null;
  const [{ bavail, blocks, bsize }, { dev }] = await Promise.all([statfs(existing), stat(existing)]);
  return { holds, path: wanted, freeBytes: bavail * bsize, totalBytes: blocks * bsize, device: dev };
}

/** The folder itself, or the one that it will be made in. */
async function nearest(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || folder === '/') throw error;
    return nearest(path.dirname(folder));
  }
}

function byFileSystem(found: ((Disk & { device: number }) | null)[]): Disk[] {
  const disks = new Map<number, Disk>();
  for (const each of found) {
    if (!each) continue;
    const { device, ...disk } = each;
    const known = disks.get(device);
    if (known) known.holds = `${known.holds} and ${disk.holds}`;
    else disks.set(device, disk);
  }
  return [...disks.values()];
}
