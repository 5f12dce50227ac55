// Starts processes, waits until each is observably ready, starts again what dies, and stops all in reverse order.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { adoptChild, fingerprint, spawnChild } from './child.mjs';
import { ensurePrivateDir, readJson, writeAtomic } from './files.mjs';
import { SetupError, warn } from './log.mjs';
import { LogFiles, lastLines } from './log-file.mjs';
import { isAlive, stopProc } from './processes.mjs';
import { until } from './wait.mjs';

/**
 * @typedef {object} Part
 * @property {string} name also the name of its log file
 * @property {() => Promise<import('./child.mjs').Spec> | import('./child.mjs').Spec} spec
 * @property {(attempt: number) => Promise<void>} [prepare] before each spawn; attempt: how many in a row died before they were ready
 * @property {(handle: import('./child.mjs').Handle) => Promise<unknown>} ready truthy = it works now; throws or falsy = not yet
 * @property {{ signal: NodeJS.Signals, within: number }} stop within: ms before SIGKILL
 * @property {boolean} [adopt] a live one of an earlier supervisor may be kept, when it was started the same way
 * @property {boolean} [echo] its output also goes to the terminal
 */

const READY_WITHIN_MS = 60_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;
const HEALTHY_AFTER_MS = 30_000;
/** Deaths in a row before the first readiness: about 3 s of trying. Later, trying never ends. */
const GIVE_UP_AFTER = 5;

/** Wait before start number `deaths` + 1. */
export const backoff = (deaths) => Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (deaths - 1));

export class Supervisor {
  #entries = [];
  #stopping = new AbortController();
  #hurry = new AbortController();

  /** @param {{ dataDir: string, echo?: boolean }} options echo: parts with `echo` are shown on the terminal */
  constructor({ dataDir, echo = false }) {
    this.echo = echo;
    this.stateFile = path.join(ensurePrivateDir(path.join(dataDir, 'run')), 'processes.json');
    this.logs = new LogFiles(path.join(dataDir, 'logs'));
    this.saved = readJson(this.stateFile) ?? {};
  }

  /** Starts (or adopts) a part and resolves once it is ready. @param {Part} part @throws SetupError with its last words */
  async start(part) {
    const entry = {
      part,
      handle: null,
      deaths: 0,
      unready: 0,
      startedAt: 0,
      ready: false,
      proven: false,
      failed: null,
    };
    this.#entries.push(entry);
    await this.#takeOver(entry);
    if (entry.handle === null) await this.#spawn(entry);
    void this.#keep(entry);
    const problem = await this.#awaitReady(entry);
    this.#stopping.signal.throwIfAborted();
    if (problem !== null) throw this.#lastWords(part.name, problem);
    entry.proven = true;
  }

  /** A survivor of our killed predecessor: kept when it is what we would start, else stopped. */
  async #takeOver(entry) {
    const { part } = entry;
    const survivor = this.saved[part.name];
    delete this.saved[part.name];
    if (!isAlive(survivor)) return;
    if (!part.adopt || survivor.fingerprint !== fingerprint(await part.spec()))
      return await stopProc(survivor, part.stop);
    this.logs.open(part.name, this.echo && part.echo);
    entry.fingerprint = survivor.fingerprint;
    entry.handle = adoptChild({ pid: survivor.pid, start: survivor.start });
    this.#save();
  }

  /** Kept in `busy`, so that `stop` never misses a process that is just being born. */
  #spawn(entry) {
    entry.busy = this.#spawnNow(entry);
    return entry.busy;
  }

  async #spawnNow(entry) {
    const { part } = entry;
    await part.prepare?.(entry.unready);
    const spec = await part.spec();
    this.#stopping.signal.throwIfAborted();
    entry.ready = false;
    entry.startedAt = performance.now();
    entry.handle = await spawnChild(spec, this.logs.open(part.name, this.echo && part.echo));
    entry.fingerprint = fingerprint(spec);
    this.#save();
  }

  #save() {
    const running = this.#entries.filter(({ handle }) => handle);
    const state = running.map(({ part, handle, fingerprint: print }) => [
      part.name,
      { ...handle.proc, fingerprint: print },
    ]);
    writeAtomic(this.stateFile, JSON.stringify({ ...this.saved, ...Object.fromEntries(state) }));
  }

  async #keep(entry) {
    const { signal } = this.#stopping;
    while (!signal.aborted && !entry.failed) {
      const how = await entry.handle.exited;
      if (signal.aborted) return;
      const lived = performance.now() - entry.startedAt;
      entry.deaths = lived > HEALTHY_AFTER_MS ? 1 : entry.deaths + 1;
      entry.unready = entry.ready ? 0 : entry.unready + 1;
      if (!entry.proven && entry.deaths >= GIVE_UP_AFTER) entry.failed = how;
      else await this.#again(entry, how);
    }
  }

  /** Spawning itself may fail (a full disk, say): that is one more death, not the end of the supervisor. */
  async #again(entry, how) {
    const { signal } = this.#stopping;
    for (;;) {
      const delay = backoff(entry.deaths);
      warn(`${entry.part.name} ended (${how}); starting it again in ${delay} ms`);
      await sleep(delay, undefined, { signal }).catch(() => {}); // only ever rejects because we are stopping
      if (signal.aborted) return;
      try {
        await this.#spawn(entry);
        if (entry.proven) void this.#awaitReady(entry);
        return;
      } catch (error) {
        how = error.message;
        entry.deaths++;
      }
    }
  }

  /** @returns {Promise<string | null>} null once the part is ready, else why it is not */
  async #awaitReady(entry) {
    const { part } = entry;
    const check = async () => entry.failed !== null || (await part.ready(entry.handle));
    const options = { what: part.name, within: READY_WITHIN_MS, every: 25, signal: this.#stopping.signal };
    const problem = await until(check, options).then(
      () => entry.failed,
      (error) => error.message,
    );
    entry.ready = problem === null;
    return problem;
  }

  #lastWords(name, problem) {
    const file = this.logs.file(name);
    return new SetupError([`${name} does not start: ${problem}`, ...lastLines(file, 15), `The whole log: ${file}`]);
  }

  /** Stops survivors that are never adopted before their ports are looked at. @param {string[]} names */
  async stopSurvivors(names) {
    const found = names.filter((name) => this.saved[name]);
    await Promise.all(found.map((name) => stopProc(this.saved[name], { within: 25_000, hurry: this.#hurry.signal })));
    for (const name of found) delete this.saved[name];
    this.#save();
  }

  /** Survivors that nothing took over: an earlier start ran them, this one does without (say, DATABASE_URL is set now). */
  async stopStrangers() {
    await Promise.all(Object.values(this.saved).map((proc) => stopProc(proc)));
    this.saved = {};
    this.#save();
  }

  /** Processes that run now, by name. @returns {Record<string, import('./processes.mjs').Proc>} */
  processes() {
    return Object.fromEntries(this.#entries.map(({ part, handle }) => [part.name, handle?.proc ?? null]));
  }

  /** Ends all waiting for readiness; `stop` is still to be called. */
  interrupt() {
    this.#stopping.abort(new SetupError('stopped'));
  }

  /** From now on nothing is waited for politely. */
  hurry() {
    this.#hurry.abort();
  }

  /** Stops everything, last started first; parts named together in `groups` stop at the same time. */
  async stop(groups = []) {
    this.interrupt();
    const order = this.#entries.toReversed();
    while (order.length) {
      const first = order[0].part.name;
      const group = groups.find((names) => names.includes(first)) ?? [first];
      const now = order.filter(({ part }) => group.includes(part.name));
      await Promise.all(now.map((entry) => this.#stopOne(entry)));
      for (const entry of now) order.splice(order.indexOf(entry), 1);
    }
    this.#save();
    this.logs.close();
  }

  async #stopOne(entry) {
    await entry.busy?.catch(() => {}); // whoever asked for this start is told
    const { handle, part } = entry;
    entry.handle = null;
    if (!handle) return;
    await stopProc(handle.proc, { ...part.stop, hurry: this.#hurry.signal });
  }
}
