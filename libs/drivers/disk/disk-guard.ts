/** The low watermark: below it builds are refused, before the disk is full and PostgreSQL, Docker and the apps can write no more. */
import { Capacity } from '#platform/errors.js';
import type { Disk, DiskProbe } from './port.js';

/** Bus topic: a build was refused for lack of room. */
export const DISK_LOW = 'disk:low';

const GIB = 2 ** 30;
const SHARE = 0.05;
const LEAST = 2 * GIB;
const MOST = 20 * GIB;

export interface LowDisk extends Disk {
  neededBytes: number;
}

export class DiskGuard {
  /**
   * @param minFreeGb CONTAINR_DISK_MIN_FREE_GB; 0 = by the size of the disk
   * @param onLow called when something was refused, e.g. to wake the collection of images
   */
  constructor(
    private readonly probe: DiskProbe,
    private readonly minFreeGb: number,
    private readonly onLow: () => void = () => undefined,
  ) {}

  /** Disks below their watermark. */
  async low(options?: { ask?: boolean }): Promise<LowDisk[]> {
    const disks = await this.probe.read(options);
    const withNeed = disks.map((disk) => ({ ...disk, neededBytes: minFreeBytes(disk.totalBytes, this.minFreeGb) }));
    return withNeed.filter(({ freeBytes, neededBytes }) => freeBytes < neededBytes);
  }

  /** @throws Capacity `disk_low` */
  async requireRoom(options?: { ask?: boolean }): Promise<void> {
    const [low] = await this.low(options);
    if (!low) return;
    this.onLow();
    const { freeBytes, neededBytes, totalBytes, holds, path } = low;
    throw new Capacity(
      'disk_low',
      `The disk of ${holds} is nearly full: ${gib(freeBytes)} GiB free of ${gib(totalBytes)} GiB, and a build needs ${gib(neededBytes)} GiB free. ` +
        'Old images are being removed; free some space or ask the operator to, then deploy again. What runs goes on.',
      { details: { free_bytes: freeBytes, needed_bytes: neededBytes, total_bytes: totalBytes }, cause: path },
    );
  }
}

/** A share of the disk; no less than a build easily writes, no more than makes sense on a very large disk. */
export function minFreeBytes(totalBytes: number, configuredGb: number): number {
  if (configuredGb > 0) return configuredGb * GIB;
  return Math.min(Math.max(totalBytes * SHARE, LEAST), MOST);
}

const gib = (bytes: number): string => (bytes / GIB).toFixed(2);
