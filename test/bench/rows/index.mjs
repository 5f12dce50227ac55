// All rows, in the order of the table. A row is loaded when it runs: one that cannot be loaded does not stop the others.

/**
 * @typedef {object} Context
 * @property {number} pairs how many samples to take of each side, at least
 * @property {AbortSignal} signal aborts with Ctrl-C
 * @property {(text: string) => void} say progress, on stderr
 * @property {(env?: Record<string, string>) => Promise<import('../lib/world.mjs').World>} world a running installation of the row's own,
 *   gone when the row ends; env: for api and worker
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {string} what one sentence
 * @property {(context: Context) => Promise<import('../lib/table.mjs').Line[] | { skipped: string, lines?: import('../lib/table.mjs').Line[] }>} run
 */

/** @type {Record<string, () => Promise<{ default: Row }>>} */
export const ROWS = {
  deploy: () => import('./deploy.mjs'),
  build: () => import('./build.mjs'),
  switch: () => import('./switch.mjs'),
  rollback: () => import('./rollback.mjs'),
  parallel: () => import('./parallel.mjs'),
  webhook: () => import('./webhook.mjs'),
  api: () => import('./api.mjs'),
  auth: () => import('./auth.mjs'),
  logs: () => import('./logs.mjs'),
  lists: () => import('./lists.mjs'),
  scale: () => import('./scale.mjs'),
  idle: () => import('./idle.mjs'),
};
