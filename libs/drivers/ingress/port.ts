/**
 * Ingress: hostname -> the live release of a service. The real one is Caddy, changed one route at a time and without touching what it
 * serves for others: one service's route can never break another's, and no change disturbs a request, stream or WebSocket.
 *
 * Errors: Invalid `hostname_invalid`, `upstream_invalid`, `route_invalid` (the last good route stays); Unavailable `ingress_unavailable`,
 * `ingress_not_configured`.
 */
import type { Durations } from './durations.js';

export interface Route {
  /** Service id. */
  id: string;
  /** Lower-case host names, at least one, each once; `*.` in front stands for one label. observe() gives them sorted. */
  hosts: string[];
  /** `ipv4:port` of each replica, at most 20. Empty: the ingress answers 503 "no running release". */
  upstreams: string[];
  /** Those of the hosts that answer plain HTTP with a redirect to HTTPS; sorted. */
  httpsOnly?: string[];
}

/** PEM. The key belongs to the first certificate of the chain. */
export interface OwnCertificate {
  chain: string;
  key: string;
}

/** Answers for one host name as the client sent it, lower case, without port. */
export interface HostTraffic {
  requests: number;
  /** Those answered with 5xx. */
  errors: number;
  /** From the first byte of the request to the last of the answer, WebSockets and event streams included. */
  durations: Durations;
}

/** Reads on from where it stopped, so each request is told once to each reader. */
export interface TrafficReader {
  /**
   * Requests that ended since the last call, by host; the first call only marks the beginning and gives an empty map.
   * Null when this ingress does not tell (not configured for it, or its log is not ours to read).
   */
  read(): Promise<Map<string, HostTraffic> | null>;
  close(): Promise<void>;
}

export interface Ingress {
  /** Rejects with Unavailable when the ingress does not answer. */
  ping(): Promise<void>;
  /** Every route held now, in any order. */
  observe(): Promise<Route[]>;
  /**
   * Creates or replaces one route; resolved = new requests already take it. Unchanged: nothing is written. A host that another route has
   * is taken over.
   */
  ensure(route: Route): Promise<void>;
  ensureAbsent(id: string): Promise<void>;
  /** Changes the hosts of a route that exists and leaves its upstreams alone; does nothing when there is no such route. */
  ensureHosts(route: Pick<Route, 'id' | 'hosts' | 'httpsOnly'>): Promise<void>;
  /** The certificate for one exact host; null: the ingress gets one by itself. */
  ensureCertificate(host: string, certificate: OwnCertificate | null): Promise<void>;
  /** Requests (and open WebSockets) now in flight to each upstream; 0 for unknown ones. */
  inFlight(upstreams: string[]): Promise<Record<string, number>>;
  /** A reader of its own for each caller. */
  traffic(): TrafficReader;
}
