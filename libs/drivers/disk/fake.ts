/** Disks in memory: a test sets how much is free. */
import type { Disk, DiskProbe } from './port.js';

export class FakeDisks implements DiskProbe {
  disks: Disk[] = [{ holds: 'the data folder', path: '/data', freeBytes: 100 * 2 ** 30, totalBytes: 200 * 2 ** 30 }];

  set freeBytes(bytes: number) {
    for (const disk of this.disks) disk.freeBytes = bytes;
  }

  async read(): Promise<Disk[]> {
    return structuredClone(this.disks);
  }
}
