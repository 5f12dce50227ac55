/** HTTP redirects followed by hand, each hop checked by the egress guard and dialled at the address that was checked. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { CheckedUrl, EgressGuard } from './egress.js';
import { Invalid, Unavailable } from './errors.js';

const MAX_REDIRECTS = 3;
/** Without any answer for this long the server counts as unreachable, ms. */
const SILENCE_MS = 15_000;

export interface RedirectOptions {
  signal?: AbortSignal;
  /** Value of the Authorization header; sent to the first origin only, never to one that a redirect names. */
  authorization?: string;
}

export interface FinalUrl extends CheckedUrl {
  /** HTTP status of the last answer. */
  status: number;
  /** False when a redirect led to another scheme, host or port: credentials for the first must not go there. */
  sameOrigin: boolean;
}

/**
 * Where a GET of `start` ends up after at most 3 redirects. Bodies are not read.
 * @throws what `EgressGuard.check` throws for any hop; Invalid `url_refused` for a 4th redirect or one without a target;
 *   Unavailable `host_unreachable` when a server does not answer.
 */
export async function guardedRedirects(
  guard: EgressGuard,
  start: URL | string,
  options: RedirectOptions = {},
): Promise<FinalUrl> {
  let hop = await guard.check(start);
  const origin = hop.url.origin;
  for (let redirects = 0; ; redirects++) {
    const sameOrigin = hop.url.origin === origin;
    const answer = await head(hop, { ...options, authorization: sameOrigin ? options.authorization : undefined });
    const status = answer.statusCode ?? 0;
    if (![301, 302, 303, 307, 308].includes(status)) return { ...hop, status, sameOrigin };
    if (redirects === MAX_REDIRECTS)
      throw new Invalid('url_refused', `${start} redirects more than ${MAX_REDIRECTS} times: use its final URL.`);
    hop = await guard.check(target(hop.url, answer.headers.location));
  }
}

function target(from: URL, location: string | undefined): URL {
  if (location && URL.canParse(location, from.href)) return new URL(location, from);
  throw new Invalid('url_refused', `${from} redirects without saying where to: use its final URL.`);
}

/** Answers Node's address look-up with what the guard has checked, and nothing else. */
export function pinnedLookup(addresses: string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, callback) => {
    const first = found[0] ?? { address: '', family: 4 };
    if (options.all) callback(null, found);
    else callback(null, first.address, first.family);
  };
}

function head(hop: CheckedUrl, options: RedirectOptions): Promise<IncomingMessage> {
  const send: typeof httpRequest = hop.url.protocol === 'https:' ? httpsRequest : httpRequest;
  const headers = options.authorization ? { authorization: options.authorization } : {};
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const request = send(hop.url.href, {
      headers,
      signal,
      agent: false,
      timeout: SILENCE_MS,
      lookup: pinnedLookup(hop.addresses),
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', (cause) => reject(signal?.aborted ? signal.reason : unreachable(hop.url, cause)));
    request.on('response', (response) => {
      resolve(response);
      response.destroy();
    });
    request.end();
  });
}

function unreachable(url: URL, cause: Error): Unavailable {
  return new Unavailable('host_unreachable', `${url.host} does not answer.`, { cause });
}
