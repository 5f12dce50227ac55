// The skeleton as a process of its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../skeleton/main.mjs', import.meta.url));

export class Skeleton {
  /** On the world's database, with its key: the same tokens count. @param {import('./world.mjs').World} world */
  static async start(world) {
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      DATABASE_URL: world.databaseUrl,
      CONTAINR_JWT_KEY: world.platform.secrets.jwtKey,
    };
    const child = fork(MAIN, { env, execArgv: [] });
    const skeleton = Object.assign(new Skeleton(), { child, pid: child.pid });
    const early = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the skeleton ended with ${code}`)));
    const [{ port }] = await Promise.race([once(child, 'message'), early]);
    early.catch(() => undefined); // its end is wanted from now on
    return Object.assign(skeleton, { port });
  }

  async stop() {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
