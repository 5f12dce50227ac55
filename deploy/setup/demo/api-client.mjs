// The few calls of the API that the demo makes.
import { SetupError } from '../lib/log.mjs';

export class ApiClient {
  #token = null;

  /** @param {string} origin e.g. http://127.0.0.1:8080 @param {AbortSignal} signal ends every call */
  constructor(origin, signal) {
    this.base = `${origin}/api/v1`;
    this.signal = signal;
  }

  get token() {
    return this.#token;
  }

  /** @returns {Promise<{ status: number, body: any }>} body null when the answer has none */
  async request(method, path, body, signal = this.signal) {
    const headers = { ...(this.#token ? { authorization: `Bearer ${this.#token}` } : {}) };
    if (body) headers['content-type'] = 'application/json';
    const answer = await fetch(this.base + path, { method, headers, body: body && JSON.stringify(body), signal });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : null };
  }

  /** As `request`, but anything other than 2xx is an error with the API's own words. */
  async call(method, path, body, signal) {
    const { status, body: answer } = await this.request(method, path, body, signal);
    if (status >= 200 && status < 300) return answer;
    throw new SetupError(`${method} ${path}: ${status} ${answer?.code ?? ''} ${answer?.error ?? ''}`.trim());
  }

  /** Logs in, registering first when this is a new installation (its first user is the administrator). */
  async signIn({ email, password, name }, isNew) {
    if (isNew) await this.call('POST', '/auth/register', { email, password, name });
    this.#token = (await this.call('POST', '/auth/login', { email, password })).token;
  }
}
