/** Which images go. Pure. */

export interface CollectableImage {
  /** Of the record. */
  id: string;
  serviceId: string;
  createdAt: Date;
  /** Bytes that are certainly free without it: its layers that no other image has. */
  bytes: number;
  /** Runs, is about to, or may be gone back to. */
  needed: boolean;
}

/**
 * Oldest first, whatever the service, until the rest is within the budget.
 * @param options.missingBytes that the disk needs below its watermark, beyond the budget
 * @returns service id -> record ids, oldest first
 */
export function planCollection(
  images: CollectableImage[],
  { budgetBytes, missingBytes }: { budgetBytes: number; missingBytes: number },
): Map<string, string[]> {
  const used = images.reduce((sum, { bytes }) => sum + bytes, 0);
  let excess = Math.max(used - budgetBytes, missingBytes);
  const chosen = new Map<string, string[]>();
  const candidates = images.filter(({ needed }) => !needed);
  for (const { id, serviceId, bytes } of candidates.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime())) {
    if (excess <= 0) break;
    chosen.set(serviceId, [...(chosen.get(serviceId) ?? []), id]);
    excess -= bytes;
  }
  return chosen;
}
