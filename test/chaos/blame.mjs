// What may fail a deployment, and with which words; what may take a run away from its worker. Anything else is a violation. Pure.

/** Kind of wish or fault -> error codes of deployments that it explains. */
export const EXPLAINS = {
  broken: ['release_exited'],
  'bad-build': ['build_failed'],
  'kill-container': ['release_exited', 'release_unhealthy'],
  'remove-container': ['release_exited', 'release_unhealthy'],
  'full-sources-disk': ['disk_full'],
  'full-docker-disk': ['disk_full', 'disk_low'],
};

/** These end a worker, or keep it from renewing its lease. */
const TAKES_OVER = ['kill-worker', 'upgrade-worker', 'hang-postgres', 'restart-postgres'];
/** A lease lasts 6 s and is looked for each 1.5 s; a run may be found open long after its worker died when both workers died. */
const BEFORE_MS = 15_000;

const time = (value) => new Date(value).getTime();

/** @param {import('./faults.mjs').Fault[]} faults @param {Record<string, any>} run */
export const takesOver = (faults, run) =>
  faults.some(
    (fault) =>
      TAKES_OVER.includes(fault.kind) &&
      fault.from <= time(run.finished_at ?? Date.now()) &&
      fault.until + BEFORE_MS >= time(run.started_at),
  );
