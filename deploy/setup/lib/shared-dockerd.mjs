// The dockerd that we start where none answers. Several installations on one machine share it: each signs in, the last one out stops it.
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { addressPoolArgs } from './address-pool.mjs';
import { spawnChild } from './child.mjs';
import { Engine } from './engine.mjs';
import { ensurePrivateDir, readJson, writeAtomic } from './files.mjs';
import { exclusively } from './lock.mjs';
import { SetupError, warn } from './log.mjs';
import { lastLines, rotate } from './log-file.mjs';
import { isAlive, self, startTime, stopProc } from './processes.mjs';
import { findCommand } from './run.mjs';
import { until } from './wait.mjs';

const START_WITHIN_MS = 60_000;
/** dockerd stops its containers first, each with its own grace period. */
const STOP_WITHIN_MS = 45_000;
const WATCH_MS = 1000;

/** Where it lives; other values only in tests. */
const DEFAULTS = {
  runDir: '/run/containr',
  socket: '/var/run/docker.sock',
  pidFile: '/var/run/docker.pid',
  execRoot: '/var/run/docker',
  args: [],
};

/**
 * Removes a pid file that a killed process left. dockerd refuses to start while any process, even a zombie, has the pid in its own file,
 * and waits in vain for a containerd whose pid it finds.
 */
export function removeStalePidFile(file, command) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    if (startTime(pid) !== null && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === command) return;
  } catch {
    // no pid file, or no such process: removing is right in both cases
  }
  rmSync(file, { force: true });
}

export class SharedDockerd {
  #timer = null;
  #onRelease = () => {};

  constructor(options = {}) {
    Object.assign(this, DEFAULTS, options);
    ensurePrivateDir(this.runDir);
    this.engine = new Engine(`unix://${this.socket}`);
    this.logFile = path.join(this.runDir, 'dockerd.log');
  }

  #locked(work) {
    return exclusively(path.join(this.runDir, 'lock'), work);
  }

  #path(name) {
    return path.join(this.runDir, `${name}.json`);
  }

  /** Processes that use it and live. */
  #users() {
    return (readJson(this.#path('users')) ?? []).filter(isAlive);
  }

  /** The dockerd that one of us started; null when it is gone or somebody else's. */
  #ours() {
    const proc = readJson(this.#path('dockerd'));
    return isAlive(proc) ? proc : null;
  }

  async #spawn() {
    removeStalePidFile(this.pidFile, 'dockerd');
    removeStalePidFile(path.join(this.execRoot, 'containerd/containerd.pid'), 'containerd');
    rotate(this.logFile);
    const log = openSync(this.logFile, 'a', 0o600);
    try {
      const args = ['--host', `unix://${this.socket}`, '--pidfile', this.pidFile, ...addressPoolArgs(), ...this.args];
      const env = { PATH: [process.env.PATH, '/usr/local/sbin:/usr/sbin:/sbin'].join(':'), HOME: '/root' };
      for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'])
        if (process.env[name]) env[name] = process.env[name];
      const { proc } = await spawnChild({ command: findCommand('dockerd'), args, env, cwd: '/' }, log);
      writeAtomic(this.#path('dockerd'), JSON.stringify(proc));
      return proc;
    } finally {
      closeSync(log);
    }
  }

  async #startIfDown() {
    if (await this.engine.answers()) return;
    const proc = this.#ours() ?? (await this.#spawn());
    const check = async () => !isAlive(proc) || (await this.engine.answers());
    await until(check, { what: 'dockerd', within: START_WITHIN_MS, every: 100 });
    if (isAlive(proc)) return;
    throw new SetupError(['dockerd does not start:', ...lastLines(this.logFile, 15), `The whole log: ${this.logFile}`]);
  }

  /** Signs in and starts dockerd when it is down; watches it until `release`. */
  async use() {
    await this.#locked(async () => {
      writeAtomic(this.#path('users'), JSON.stringify([...this.#users(), self()]));
      await this.#startIfDown();
    });
    this.#watch(readJson(this.#path('dockerd')));
  }

  /** Whoever of the users sees first that dockerd died starts it again. */
  #watch(proc) {
    this.#timer = setInterval(() => {
      rotate(this.logFile);
      if (isAlive(proc)) return;
      clearInterval(this.#timer);
      warn('dockerd ended; starting it again');
      const again = this.#locked(() => this.#startIfDown()).catch((error) => warn(error.message));
      const next = again.then(() => this.#timer !== null && this.#watch(readJson(this.#path('dockerd'))));
      this.#onRelease = () => next;
    }, WATCH_MS).unref();
  }

  /** True when the engine that answers now was started by one of us. */
  isOurs() {
    return this.#ours() !== null;
  }

  /** Signs out; the last one out stops dockerd. */
  async release() {
    clearInterval(this.#timer);
    this.#timer = null;
    await this.#onRelease();
    await this.#locked(async () => {
      const me = self();
      const left = this.#users().filter((user) => user.pid !== me.pid || user.start !== me.start);
      writeAtomic(this.#path('users'), JSON.stringify(left));
      const proc = this.#ours();
      if (left.length || proc === null) return;
      await stopProc(proc, { signal: 'SIGTERM', within: STOP_WITHIN_MS });
      rmSync(this.#path('dockerd'), { force: true });
    });
  }
}
