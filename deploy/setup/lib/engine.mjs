// The Docker Engine API with nothing but node:http: this runs before any npm package is there.
// https://docs.docker.com/reference/api/engine/version/v1.41/
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { SetupError } from './log.mjs';

export const DEFAULT_SOCKET = 'unix:///var/run/docker.sock';

/** TLS files where the docker CLI looks for them. */
function tlsFiles(env) {
  if (!env.DOCKER_TLS_VERIFY || !env.DOCKER_CERT_PATH) return null;
  const read = (name) => readFileSync(path.join(env.DOCKER_CERT_PATH, name));
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}

/** Where to connect for a DOCKER_HOST value (`unix:///path`, `tcp://host:port`). @throws SetupError for other schemes */
export function target(dockerHost, env = process.env) {
  const url = new URL(dockerHost);
  if (url.protocol === 'unix:') return { client: http, socketPath: url.pathname };
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol))
    throw new SetupError(`DOCKER_HOST=${dockerHost}: only unix:// and tcp:// are supported`);
  const tls = tlsFiles(env);
  const secure = tls !== null || url.protocol === 'https:';
  return {
    client: secure ? https : http,
    host: url.hostname,
    port: url.port || (secure ? 2376 : 2375),
    ...(tls ?? {}),
  };
}

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The events of a JSON-lines answer, one by one. */
async function* jsonLines(stream) {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.trim()) yield JSON.parse(line);
  }
  if (rest.trim()) yield JSON.parse(rest);
}

const query = (values) => {
  const entries = Object.entries(values ?? {}).flatMap(([k, v]) => [v].flat().map((one) => [k, one]));
  return entries.length ? `?${new URLSearchParams(entries)}` : '';
};

export class Engine {
  constructor(dockerHost = process.env.DOCKER_HOST || DEFAULT_SOCKET) {
    this.host = dockerHost;
    this.target = target(dockerHost);
  }

  /** body: a tar stream; json: any value instead. @returns {Promise<http.IncomingMessage>} the answer, its body not yet read */
  async open(method, route, { params, body, json, signal, timeout = 30_000 } = {}) {
    const { client, ...where } = this.target;
    const headers = body ? { 'content-type': 'application/x-tar' } : json ? { 'content-type': 'application/json' } : {};
    const request = client.request({ ...where, method, path: route + query(params), headers, signal });
    if (timeout) request.setTimeout(timeout, () => request.destroy(new Error(`${route}: no answer in ${timeout} ms`)));
    if (body) body.once('error', (error) => request.destroy(error)).pipe(request);
    else request.end(json && JSON.stringify(json));
    const [response] = await once(request, 'response');
    return response;
  }

  /** One JSON (or text) answer. Null for 404. @throws Error with the engine's words for any other status from 400 on */
  async call(method, route, options) {
    const response = await this.open(method, route, options);
    const text = await readAll(response);
    if (response.statusCode === 404) return null;
    if (response.statusCode >= 400)
      throw new Error(`Docker: ${method} ${route}: ${response.statusCode} ${text.trim()}`);
    return response.headers['content-type']?.includes('json') && text ? JSON.parse(text) : text;
  }

  /** A long operation that reports progress as JSON lines; an error may come as an event after a 200. */
  async stream(method, route, { onEvent, ...options }) {
    const response = await this.open(method, route, options);
    if (response.statusCode >= 400) throw new Error(`Docker: ${(await readAll(response)).trim()}`);
    for await (const event of jsonLines(response)) {
      if (event.error) throw new Error(event.errorDetail?.message ?? event.error);
      onEvent?.(event);
    }
  }

  /** True when an engine answers at all. */
  async answers() {
    try {
      return (await this.call('GET', '/_ping', { timeout: 3000 })) === 'OK';
    } catch {
      return false; // refused, no such socket, no permission: the caller says which with `whyNot`
    }
  }

  /** Why the engine does not answer, in the system's words; null when it does. */
  async whyNot() {
    try {
      await this.call('GET', '/_ping', { timeout: 3000 });
      return null;
    } catch (error) {
      return error.message;
    }
  }
}
