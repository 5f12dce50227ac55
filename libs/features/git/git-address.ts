/** What a git client's request says: which repository, which part of the protocol, who. Pure. */

export interface GitAddress {
  serviceId: string;
  /** What follows the repository, e.g. `/info/refs`. */
  pathInfo: string;
  /** Without `?`. */
  query: string;
}

const ADDRESS = /^\/git\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.git(\/[^?]*)(?:\?(.*))?$/i;

/** Null when it is no address of a repository. */
export function parseAddress(url: string): GitAddress | null {
  const [, serviceId, pathInfo, query = ''] = ADDRESS.exec(url) ?? [];
  return serviceId && pathInfo ? { serviceId: serviceId.toLowerCase(), pathInfo, query } : null;
}

/** True for both requests of a push (gitprotocol-http(5)): the refs it starts from, and the pack. */
export function isPush({ pathInfo, query }: GitAddress): boolean {
  return pathInfo.endsWith('/git-receive-pack') || new URLSearchParams(query).get('service') === 'git-receive-pack';
}

/** The password of an `Authorization: Basic` header (RFC 7617), whoever the user name says it is; null when there is none. */
export function basicPassword(header: string | undefined): string | null {
  const [, encoded] = /^Basic +([\w+/=-]+)$/i.exec(header ?? '') ?? [];
  if (!encoded) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? null : text.slice(colon + 1) || null;
}
