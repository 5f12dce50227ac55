import { basicPassword, parseAddress } from './git-address.js';
import { announce, farewell, outcomeOf } from './push.output.js';
import { deployBranch, planPush } from './push.plan.js';

const ZERO = '0'.repeat(40);
const A = 'a'.repeat(40);
const push = (ref: string, to = A) => ({ old: ZERO, new: to, ref });
const progress = { status: 'deploying', error: null, stuck: null, wasLive: false };

describe('what becomes of a push', () => {
  it('deploys the deploy branch, stores others, deletes', () => {
    const commands = [push('refs/heads/main'), push('refs/heads/try/it'), push('refs/heads/old', ZERO)];
    expect(planPush(commands, 'main')).toEqual([
      { ref: 'refs/heads/main', action: 'deploy', branch: 'main', commit: A },
      { ref: 'refs/heads/try/it', action: 'store', branch: 'try/it' },
      { ref: 'refs/heads/old', action: 'delete', branch: 'old' },
    ]);
    expect(planPush([push('refs/heads/main', ZERO)], 'main')[0]?.action).toBe('delete');
  });

  it('deploys the configured branch, else main, else master while there is no main', () => {
    const [main, master] = [push('refs/heads/main'), push('refs/heads/master')];
    expect(deployBranch('prod', [main], true)).toBe('prod');
    expect(deployBranch(undefined, [master], false)).toBe('master');
    expect(deployBranch(undefined, [master], true)).toBe('main');
    expect(deployBranch(undefined, [master, main], false)).toBe('main');
    expect(deployBranch(undefined, [push('refs/heads/x')], false)).toBe('main');
  });

  it('ends with the deployment', () => {
    expect(outcomeOf(progress)).toBeNull();
    expect(outcomeOf({ ...progress, status: 'running', wasLive: true })).toEqual({ ok: true });
    expect(outcomeOf({ ...progress, status: 'superseded', wasLive: true })).toEqual({ ok: true });
    expect(outcomeOf({ ...progress, status: 'superseded' })?.ok).toBe(false);
    expect(outcomeOf({ ...progress, status: 'failed', error: 'no Dockerfile' })).toEqual({
      ok: false,
      reason: 'no Dockerfile',
    });
    expect(outcomeOf({ ...progress, stuck: 'engine gone' })?.ok).toBe(false);
    expect(farewell({ ok: true }, 'http://a.b').join()).toContain('http://a.b');
    expect(farewell({ ok: false, reason: 'why' }, null).join()).toContain('why');
    expect(announce('building', 'web')).toBe('-----> Building web');
    expect(announce('running', 'web')).toBeNull();
  });
});

describe('what a git client says', () => {
  it('names a repository', () => {
    const id = '0b0e5a3e-6d0c-4f7e-9a63-0d5f2f6f5a11';
    const found = parseAddress(`/git/${id}.git/info/refs?service=git-upload-pack`);
    expect(found).toEqual({ serviceId: id, pathInfo: '/info/refs', query: 'service=git-upload-pack' });
    for (const url of ['/git/x.git/info/refs', `/git/${id}/info/refs`, `/git/${id}.git`, `/git/../${id}.git/HEAD`])
      expect(parseAddress(url)).toBeNull();
  });

  it('gives the token as password of any user', () => {
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(basicPassword(basic('git:tok:en'))).toBe('tok:en');
    expect(basicPassword(basic(':token'))).toBe('token');
    for (const header of [undefined, '', 'Bearer x', basic('no colon'), basic('user:'), 'Basic !!'])
      expect(basicPassword(header)).toBeNull();
  });
});
