/** What a build was asked for, sealed: it holds variables and arguments. */
import type { StartBuildRequest } from '#contracts/builds.js';
import type { SecretBox } from '#platform/secrets.js';

/** The request with what was looked up when it was accepted. */
export interface AcceptedBuild {
  request: StartBuildRequest;
  /** Whose logins are used. */
  userId: string;
  projectId: string | null;
  /** Repository of the service, when that is the source. */
  repository: {
    id: string;
    url: string | null;
    /** Git provider it is fetched with. */
    provider?: string | null;
    branch: string | null;
    rootDirectory: string;
    dockerfile: string | null;
  } | null;
  /** Real path of source_path. */
  folder: string | null;
}

const place = (id: string): string => `build:${id}`;

export function sealRequest(box: SecretBox, id: string, accepted: AcceptedBuild): string {
  return box.seal(JSON.stringify(accepted), place(id));
}

export function openRequest(box: SecretBox, row: { id: string; request: string | null }): AcceptedBuild {
  if (row.request === null) throw new Error(`build ${row.id} is a deployment's: it has no request of its own`);
  return JSON.parse(box.open(row.request, place(row.id))) as AcceptedBuild;
}

/**
 * Name on the host. Everybody's images share the engine, so what a user names is kept apart by project or user: no build can take the
 * place of an image that others build on.
 */
export function localRef(accepted: Pick<AcceptedBuild, 'request' | 'userId' | 'projectId'>): string {
  const { request, userId, projectId } = accepted;
  return `containr/${projectId ?? userId}/${request.image_name}:${request.image_tag}`;
}

/** Name in the registry it is pushed to; null when it is not. */
export function remoteRef({ registry_url, image_name, image_tag }: StartBuildRequest): string | null {
  return registry_url ? `${registry_url}/${image_name}:${image_tag}` : null;
}
