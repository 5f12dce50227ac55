/** What is done for a backup, a proof and a restore, as lists of steps. Pure: every id and name is chosen by the caller. */
import { planUp, type Target } from '#features/databases/index.js';
import { type Plan, step } from '#workflows/plan.js';

/** Where the files of a backup are: one per try, so that a worker that was given up cannot write over its successor's. */
export function folderOf({ databaseId, id }: { databaseId: string; id: string }): string {
  return `databases/${databaseId}/${id}`;
}

/** A database that is there only for this run. */
export type Temporary = {
  database: string;
  /** Of the container. */
  name: string;
  volume: string;
};

export function planBackup(backup: string): Plan {
  return [step('backup.dump', { backup })];
}

/** Nothing is touched before the whole archive has been proven. */
export function planVerify(backup: string, temporary: Temporary): Plan {
  return [
    step('archive.prove', { backup }),
    step('temporary.start', { ...temporary, backup, keep: false }),
    step('temporary.load', { ...temporary, backup, strict: true }),
    step('temporary.remove', { ...temporary }),
  ];
}

export interface InPlace {
  backup: string;
  /** Backup of the data of now; null for none. */
  safety: string | null;
  temporary: Temporary;
  /** The volume of now. */
  from: string;
  target: Target;
}

/** The new data is loaded and compared on a volume of its own while the old data serves; then one switch, whose undo goes back. */
export function planRestoreInPlace({ backup, safety, temporary, from, target }: InPlace): Plan {
  return [
    step('archive.prove', { backup }),
    ...(safety ? [step('backup.dump', { backup: safety })] : []),
    step('temporary.start', { ...temporary, backup, keep: true }),
    step('temporary.load', { ...temporary, backup, strict: false }),
    step('temporary.stop', { name: temporary.name, grace: target.grace }),
    step('volume.switch', {
      database: target.database,
      name: target.name,
      grace: target.grace,
      from,
      to: temporary.volume,
    }),
    ...planUp(target),
  ];
}

/** Into a database that another run, before this one in the line, has just made. It is made again from nothing, as often as it takes. */
export function planRestoreNew(backup: string, { database, name }: Pick<Target, 'database' | 'name'>): Plan {
  return [step('archive.prove', { backup }), step('database.load', { database, name, backup })];
}
