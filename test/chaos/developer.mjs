// Somebody who deploys one service again and again, and writes down what was asked for and what was answered.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../deploy/setup/lib/run.mjs';
import { filesOf } from './app.mjs';

/**
 * @typedef {object} Ask one wish and what became of it
 * @property {string} service id
 * @property {import('./schedule.mjs').Kind} kind
 * @property {string[]} ids deployments that an answer named
 * @property {number} unanswered tries of which nobody knows whether they were carried out
 * @property {string | null} refused why the platform did not take it
 * @property {string | null} commit
 */

const OPEN = ['pending', 'building', 'deploying'];
const LOOK_MS = 150;
const DECIDED_WITHIN_MS = 240_000;
const AGAIN_MS = 700;
const TRIES = 60;

export class Developer {
  /** @type {Ask[]} */
  asks = [];
  /** Commit -> version in its files. @type {Record<string, string>} */
  versions = {};

  /** @param {{ client: import('./client.mjs').Client, database: import('./database.mjs').Database, dir: string, say: (text: string) => void }} options */
  constructor({ client, database, dir, say }) {
    Object.assign(this, { client, database, dir, say });
  }

  /** @typedef {{ id: string, index: number }} Service @param {Service} service */
  async start(service) {
    mkdirSync(this.#tree(service), { recursive: true });
    await this.#git(service, ['init', '--quiet', '-b', 'main']);
  }

  /** @param {Service} service @param {import('./schedule.mjs').Wish[]} wishes one after the other */
  async work(service, wishes) {
    for (const wish of wishes) {
      await sleep(wish.wait);
      const ask = { service: service.id, kind: wish.kind, ids: [], unanswered: 0, refused: null, commit: null };
      this.asks.push(ask);
      if (wish.kind === 'again') await this.#post(ask, {});
      else if (wish.kind === 'restart') await this.#post(ask, { trigger: 'restart' });
      else await this.#version(service, ask, `v${service.index}-${this.asks.length}`);
      await this.#decided(service);
    }
  }

  async #version(service, ask, version) {
    await this.#commit(service, ask, version);
    const pushed = this.#push(service, ask);
    if (ask.kind === 'cancel') await this.#cancel(ask);
    await pushed;
  }

  async #commit(service, ask, version) {
    for (const [name, text] of Object.entries(filesOf(version, ask.kind)))
      writeFileSync(path.join(this.#tree(service), name), text);
    await this.#git(service, ['add', '--all']);
    await this.#git(service, ['commit', '--quiet', '-m', version]);
    ask.commit = (await this.#git(service, ['rev-parse', 'HEAD'])).stdout.trim();
    this.versions[ask.commit] = version;
  }

  /** Until the platform knows the commit: a push that broke off before is made again, at the other API. */
  async #push(service, ask) {
    for (let tries = 0; tries < TRIES; tries++) {
      const remote = `${this.client.next()}/git/${service.id}.git`;
      const { code, stderr } = await this.#git(service, ['push', '--quiet', remote, 'HEAD:refs/heads/main'], true);
      if (code === 0 || (await this.#known(ask)).length > 0) return;
      ask.unanswered++;
      this.say(`push: ${stderr.trim().split('\n').at(-1)}`);
      await sleep(AGAIN_MS);
    }
    ask.refused = 'no push got through';
  }

  #known({ commit, service }) {
    return this.database.rows('SELECT id FROM deployments WHERE commit_hash = $1 AND service_id = $2', [
      commit,
      service,
    ]);
  }

  async #cancel(ask) {
    let row;
    for (let tries = 0; !row && tries < TRIES; tries++) {
      await sleep(LOOK_MS);
      [row] = await this.#known(ask);
    }
    if (row) await this.#answered(() => this.client.once('POST', `/deployments/${row.id}/cancel`));
  }

  async #post(ask, body) {
    const answer = await this.#answered(
      () => this.client.once('POST', `/services/${ask.service}/deployments`, body),
      () => ask.unanswered++,
    );
    if (answer.status === 0 || answer.status >= 500) ask.refused = `no answer: ${answer.body}`;
    else if (answer.status >= 300) ask.refused = answer.body?.code ?? String(answer.status);
    else ask.ids.push((answer.body.deployment ?? answer.body).id);
  }

  async #answered(call, onFailure = () => {}) {
    let answer = await call();
    for (let tries = 1; (answer.status === 0 || answer.status >= 500) && tries < TRIES; tries++) {
      onFailure();
      await sleep(AGAIN_MS);
      answer = await call();
    }
    return answer;
  }

  /** Until nothing of the service is open. Looks in PostgreSQL: the API may be the one that was killed. */
  async #decided({ id }) {
    const deadline = performance.now() + DECIDED_WITHIN_MS;
    const open = () =>
      this.database.rows('SELECT id FROM deployments WHERE service_id = $1 AND status = ANY($2)', [id, OPEN]);
    while ((await open()).length > 0 && performance.now() < deadline) await sleep(LOOK_MS);
  }

  #tree({ index }) {
    return path.join(this.dir, `work-${index}`);
  }

  #git(service, args, authorized = false) {
    const login = Buffer.from(`git:${this.client.token}`).toString('base64');
    const header = authorized ? ['-c', `http.extraHeader=Authorization: Basic ${login}`] : [];
    const who = ['-c', 'user.name=Chaos', '-c', 'user.email=chaos@example.invalid'];
    const env = {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
    };
    return run('git', [...who, ...header, ...args], { cwd: this.#tree(service), env });
  }
}
