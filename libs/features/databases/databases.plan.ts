/** What is done to a database, as lists of steps. Pure. */
import { type Plan, step } from '#workflows/plan.js';

export interface Target {
  database: string;
  project: string;
  /** Of the container. */
  name: string;
  /** Seconds that the engine may take to stop. */
  grace: number;
}

/** From whatever there is to an engine that answers, with its users and settings. */
export function planUp({ database, name }: Target): Plan {
  return [
    step('database.image', { database }),
    step('database.start', { database, name }),
    step('database.ready', { database }),
    step('database.setup', { database }),
  ];
}

/** For what counts only after a restart; TLS needs its files before that. */
export function planRestart(target: Target): Plan {
  return [stop(target), ...planUp(target)];
}

export function planStop(target: Target): Plan {
  return [stop(target)];
}

export function planDelete(target: Target): Plan {
  return [stop(target), step('database.network', { project: target.project })];
}

export function planPurge(volumes: string[]): Plan {
  return volumes.map((volume) => step('database.purge', { volume }));
}

function stop({ name, grace }: Target) {
  return step('database.stop', { name, grace });
}
