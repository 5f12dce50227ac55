// The REST API as a patient client uses it: two addresses, tried in turn.
const PASSWORD = 'correct horse battery staple';
const PATIENCE_MS = 20_000;

export class Client {
  #turn = 0;
  token = '';

  /** @param {() => number[]} ports of the APIs that there are now */
  constructor(ports) {
    this.ports = ports;
  }

  /** Base URL of the next API in turn. */
  next() {
    const all = this.ports();
    return `http://127.0.0.1:${all[this.#turn++ % all.length]}`;
  }

  /** One try. @returns {Promise<{ status: number, body: any }>} status 0: no answer, so nobody knows whether it was done */
  async once(method, path, body) {
    const headers = {
      'content-type': 'application/json',
      ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
    };
    try {
      const options = { method, headers, signal: AbortSignal.timeout(PATIENCE_MS) };
      const answer = await fetch(
        `${this.next()}/api/v1${path}`,
        body === undefined ? options : { ...options, body: JSON.stringify(body) },
      );
      const text = await answer.text();
      return { status: answer.status, body: text ? JSON.parse(text) : null };
    } catch (error) {
      return { status: 0, body: String(error.cause ?? error) };
    }
  }

  async insist(method, path, body) {
    const answer = await this.once(method, path, body ?? {});
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  async signUp(email) {
    await this.insist('POST', '/auth/register', { email, password: PASSWORD, name: 'Chaos' });
    this.token = (await this.insist('POST', '/auth/login', { email, password: PASSWORD })).token;
  }
}
