/** A compose service while its keys are read. */
import type { CreateServiceRequest } from '#contracts/services.js';

/** What a compose service becomes. */
export interface Draft {
  key: string;
  image: string | null;
  build: { context: string; dockerfile?: string; args: Record<string, string> } | null;
  entrypoint: string[] | null;
  arguments: string[] | null;
  environment: Record<string, string>;
  /** TCP ports of the container, in order. */
  ports: { port: number; path: string }[];
  volumes: { name: string; mount_path: string; source: string | null; path: string }[];
  after: string[];
  replicas: number;
  cpu: string | null;
  memory: string | null;
  health: { path: string; port: number | null; at: string } | null;
  settings: Pick<CreateServiceRequest, 'stop_grace_period' | 'stop_signal'>;
}

export function newDraft(key: string): Draft {
  return {
    key,
    image: null,
    build: null,
    entrypoint: null,
    arguments: null,
    environment: {},
    ports: [],
    volumes: [],
    after: [],
    replicas: 1,
    cpu: null,
    memory: null,
    health: null,
    settings: {},
  };
}
