/** The parts of the Engine API's answers that we read (API 1.41 to 1.52 agree on them). */
export interface WireContainer {
  Id: string;
  /** With a leading slash. */
  Name: string;
  Image: string;
  RestartCount: number;
  State: {
    Status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
    Running: boolean;
    OOMKilled: boolean;
    ExitCode: number;
    /** `0001-01-01T00:00:00Z` when never started. */
    StartedAt: string;
    Pid: number;
    Health?: { Status: 'none' | 'starting' | 'healthy' | 'unhealthy' };
  };
  Config: { Labels: Record<string, string> | null; StopTimeout?: number };
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> | null };
}

/** One entry of the list; `Names` with a leading slash. */
export interface WireListed {
  Id: string;
  Names: string[];
  Labels: Record<string, string> | null;
  NetworkSettings?: { Networks?: Record<string, WireEndpoint> | null };
}

export interface WireEndpoint {
  /** Empty while the container is stopped. */
  IPAddress: string;
  /** What was asked for when it was made. */
  IPAMConfig?: { IPv4Address?: string } | null;
}

/** Nanoseconds and bytes. */
export interface WireStats {
  cpu_stats?: { cpu_usage?: { total_usage: number } };
  memory_stats?: { usage?: number; stats?: { total_inactive_file?: number; inactive_file?: number } };
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>;
}

export interface WireImage {
  Id: string;
  Size: number;
  RepoDigests: string[] | null;
  Created?: string;
  /** `0001-01-01T00:00:00Z` when it has never been tagged here. */
  Metadata?: { LastTagTime?: string };
  Config: {
    ExposedPorts?: Record<string, object> | null;
    /** Timeout in nanoseconds; 0 = Docker's default of 30 s. */
    Healthcheck?: { Test?: string[] | null; Timeout?: number } | null;
    Entrypoint?: string[] | null;
    Cmd?: string[] | null;
    Labels?: Record<string, string> | null;
  } | null;
}

/** An entry of `GET /images/json`. */
export interface WireImageSummary {
  Id: string;
  /** `<none>:<none>` for an image without one, on engines before 24. */
  RepoTags: string[] | null;
  Labels: Record<string, string> | null;
}

/** The part of `GET /system/df` about images. */
export interface WireDiskUsage {
  Images: { Id: string; Size: number; SharedSize: number }[] | null;
}

export interface WireNetwork {
  Id: string;
  Name: string;
  /** RFC 3339 with nanoseconds. */
  Created: string;
  Labels: Record<string, string> | null;
  IPAM: { Config: { Subnet?: string }[] | null } | null;
  /** Only in an inspect. Keys are container ids, or `ep-<id>` for an endpoint whose container the engine has forgotten. */
  Containers?: Record<string, { Name: string }>;
}

export interface WireVolume {
  Name: string;
  Labels: Record<string, string> | null;
}

export interface WireEvent {
  /** `start`, `die`, `destroy`, `health_status: healthy`, ... */
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
}

/** One line of the progress of a pull. */
export interface WireProgress {
  status?: string;
  id?: string;
  error?: string;
  /** Last word of a push. */
  aux?: { Digest?: string };
}
