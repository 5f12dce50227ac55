// The platform's rows, read past the proxy: facts for the verdict, also while PostgreSQL comes and goes.
import { withClient } from '../../deploy/setup/lib/postgres.mjs';
import { until } from '../../deploy/setup/lib/wait.mjs';

const PATIENCE_MS = 60_000;

export class Database {
  /** @param {string} url */
  constructor(url) {
    this.url = url;
  }

  /** Reads; tries again while PostgreSQL is being restarted. @returns {Promise<Record<string, any>[]>} */
  async rows(sql, values = []) {
    const look = () => withClient(this.url, async (client) => (await client.query(sql, values)).rows);
    return await until(look, { what: `the answer to: ${sql}`, within: PATIENCE_MS, every: 200 });
  }
}
