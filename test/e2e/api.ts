/** The REST API as a client sees it. */

const PASSWORD = 'correct horse battery staple';

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not typed
  body: any;
}

export class Api {
  private constructor(
    private readonly base: string,
    readonly token: string,
  ) {}

  /** Registers and signs in. */
  static async as(base: string, email: string): Promise<Api> {
    const stranger = new Api(base, '');
    await stranger.post('/auth/register', { email, password: PASSWORD, name: 'Somebody' });
    const { token } = await stranger.post('/auth/login', { email, password: PASSWORD });
    return new Api(base, token);
  }

  /** Somebody else on the same installation. */
  other(email: string): Promise<Api> {
    return Api.as(this.base, email);
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(this.base + path, {
      method,
      headers: {
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  }

  get = (path: string) => this.insist('GET', path);
  post = (path: string, body?: unknown) => this.insist('POST', path, body);
  put = (path: string, body?: unknown) => this.insist('PUT', path, body);
  delete = (path: string) => this.insist('DELETE', path);

  private async insist(method: string, path: string, body?: unknown) {
    const answer = await this.call(method, path, body);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
}
