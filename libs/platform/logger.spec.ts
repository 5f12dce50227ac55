import type { Config } from './config.js';
import { createLogger, NestLogger, scrub } from './logger.js';

const config = { CONTAINR_LOG_LEVEL: 'info' } as Config;
const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLWhlcmU';

describe('the log', () => {
  const lines: string[] = [];
  const logger = createLogger(config, 'api', { write: (line) => void lines.push(line) });
  const last = () => JSON.parse(lines[lines.length - 1] ?? '{}');

  it('is one JSON object per line, with level, time and name', () => {
    logger.info({ request_id: 'r1' }, 'hello');
    expect(last()).toMatchObject({
      level: 'info',
      name: 'api',
      request_id: 'r1',
      msg: 'hello',
      time: expect.stringMatching(/Z$/),
    });
    const count = lines.length;
    logger.debug('not at this level');
    expect(lines).toHaveLength(count);
  });

  it.each<[string, object | string]>([
    ['a header', { headers: { authorization: `Bearer ${jwt}` } }],
    ['a field deep down', { a: [{ b: { password: `sec"ret-${jwt}` } }] }],
    ['a field with a longer name', { access_token: 'abcdef', API_KEY: 'abcdef' }],
    ['text', `failed with Authorization: Bearer ${jwt}`],
    ['a URL', { url: 'https://user:sec%22ret@example.com/a.git' }],
    ['basic credentials', 'Basic dXNlcjpzZWNyZXQ='],
    ['an error', { err: new Error(`token ${jwt}`) }],
  ])('keeps credentials out: %s', (_, given) => {
    if (typeof given === 'string') logger.info(given);
    else logger.info(given, 'x');
    const line = lines[lines.length - 1] ?? '';
    expect(() => JSON.parse(line)).not.toThrow();
    for (const secret of [jwt, 'sec', 'abcdef', 'dXNlcjpzZWNyZXQ=']) expect(line).not.toContain(secret);
    expect(line).toContain('***');
  });

  it('leaves ordinary text alone', () => {
    const line = '{"msg":"bearer of news","tokens":3,"path":"/a@b","url":"https://example.com/x"}';
    expect(scrub(line)).toBe(line);
  });

  it('takes what Nest says: context last, details before', () => {
    new NestLogger(logger).error('boom', 'the stack', 'Router');
    expect(last()).toMatchObject({ level: 'error', msg: 'boom', context: 'Router', detail: ['the stack'] });
    new NestLogger(logger).warn(new Error('bad'), 'Injector');
    expect(last()).toMatchObject({ level: 'warn', msg: 'bad', err: { message: 'bad' }, context: 'Injector' });
  });
});
