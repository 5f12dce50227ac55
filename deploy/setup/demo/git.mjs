// git as a developer would use it, apart from this machine's own git settings.
import { spawn } from 'node:child_process';
import { SetupError } from '../lib/log.mjs';

const AUTHOR = { NAME: 'Demo', EMAIL: 'demo@containr.test' };

// The token as a header, by the environment, as CI systems do: it is neither in argv nor in .git/config, and git does not ask without it first.
const signedIn = (token) => ({
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'http.extraHeader',
  GIT_CONFIG_VALUE_0: `Authorization: Basic ${Buffer.from(`git:${token}`).toString('base64')}`,
});

const environment = (token) => ({
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  LC_ALL: 'C.UTF-8',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  ...signedIn(token),
  ...Object.fromEntries(
    Object.entries(AUTHOR).flatMap(([k, v]) => [
      [`GIT_AUTHOR_${k}`, v],
      [`GIT_COMMITTER_${k}`, v],
    ]),
  ),
});

export class GitWorkTree {
  /** @param {{ dir: string, token: string, signal: AbortSignal }} options */
  constructor({ dir, token, signal }) {
    this.dir = dir;
    this.signal = signal;
    this.env = environment(token);
  }

  /** @param {boolean} [show] git writes to our terminal */
  async git(args, show = false) {
    const stdio = ['ignore', show ? 'inherit' : 'ignore', show ? 'inherit' : 'ignore'];
    const child = spawn('git', args, { cwd: this.dir, env: this.env, stdio, signal: this.signal });
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
    if (code !== 0) throw new SetupError(`git ${args[0]} failed with exit code ${code}`);
  }

  async commitAll(message) {
    await this.git(['add', '--all']);
    await this.git(['commit', '--quiet', '-m', message]);
  }

  /** Creates the repository with everything in the folder as its first commit. */
  async init(remote) {
    await this.git(['init', '--quiet', '-b', 'main']);
    await this.git(['remote', 'add', 'containr', remote]);
    await this.commitAll('first version');
  }

  /** What the platform says while it builds and deploys is git's own output. */
  async push() {
    await this.git(['push', 'containr', 'main'], true);
  }
}
