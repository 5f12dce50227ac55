/**
 * Builder: a build context -> an image on the host. The real one is BuildKit through the Docker API (the classic builder only when the
 * engine has no BuildKit).
 */
import type { Readable } from 'node:stream';

export interface BuildRequest {
  /** Reference the image gets, e.g. `containr/<service>:<deployment>`. */
  tag: string;
  /** Tar stream of the context, `.dockerignore` already applied. Always consumed or destroyed. */
  context: Readable;
  /** Path of the Dockerfile inside the context, POSIX, relative. */
  dockerfile: string;
  /** Only those that the Dockerfile declares with ARG have an effect. */
  buildArgs: Record<string, string>;
  /** id -> value for `RUN --mount=type=secret,id=...`; never in a layer, the history or the log. */
  secrets: Record<string, string>;
  labels: Record<string, string>;
  /** Registry (host[:port], `docker.io` for Docker Hub) -> login, for base images that are not public. */
  logins?: Record<string, { username: string; password: string }>;
  limits: { cpus: number; memoryBytes: number; timeoutMs: number };
  /** Called for each line of output, in order. */
  log: (line: string) => void;
  /** Steps done of the steps known; both may grow. */
  progress?: (done: number, total: number) => void;
}

export interface BuiltImage {
  /** `sha256:...` */
  id: string;
  sizeBytes: number;
}

/**
 * Errors: Invalid `build_failed` (the Dockerfile's own failure; message ends with the failing step and its last output),
 * `dockerfile_invalid`, `build_timeout`, `build_out_of_memory`, `image_unavailable` (a FROM that cannot be had);
 * Capacity `disk_full`; Internal `context_broken` (the context stream failed); Unavailable `engine_unreachable`. Abort: rejects with signal.reason, no build process or half image stays.
 */
export interface Builder {
  build(request: BuildRequest, signal: AbortSignal): Promise<BuiltImage>;
  /**
   * Removes the least recently used parts of the engine's build cache until no more than `keepBytes` are left. The engine does not know
   * whose build made a part: only for an engine that is ours alone.
   * @returns bytes freed
   */
  pruneCache(keepBytes: number): Promise<number>;
}
