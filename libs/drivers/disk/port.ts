/** Free space where the platform and a local Docker Engine write. */
export interface Disk {
  /** What lives there, for messages, e.g. `the data folder`. */
  holds: string;
  path: string;
  freeBytes: number;
  totalBytes: number;
}

export interface DiskProbe {
  /**
   * One entry per file system. Never waits for the Docker Engine: while its data root is not known yet, that disk is missing.
   * @param options.ask waits for the engine to say where its data root is
   */
  read(options?: { ask?: boolean }): Promise<Disk[]>;
}
