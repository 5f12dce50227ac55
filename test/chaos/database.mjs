// The platform's rows, read past the proxy: facts for the verdict, also while PostgreSQL comes and goes.
import { withClient } from '../../deploy/setup/lib/postgres.mjs';
import { until } from '../../deploy/setup/lib/wait.mjs';

const PATIENCE_MS = 60_000;

/** SQLSTATE class 42: the query itself is wrong, and stays so. */
function unlessOurs(error) {
  if (error.code?.startsWith('42')) return { error };
  throw error;
}

export class Database {
  /** @param {string} url */
  constructor(url) {
    this.url = url;
  }

  /** Reads; tries again while PostgreSQL is being restarted. @returns {Promise<Record<string, any>[]>} */
  async rows(sql, values = []) {
    const look = () =>
      withClient(this.url, async (client) => ({ rows: (await client.query(sql, values)).rows })).catch(unlessOurs);
    const { rows, error } = await until(look, { what: `the answer to: ${sql}`, within: PATIENCE_MS, every: 200 });
    if (error) throw error;
    return rows;
  }
}
