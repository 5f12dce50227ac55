/** Dumping a database into an archive and loading one, by the tools inside its container. Idempotent, knows nothing of runs. */
import { Injectable } from '@nestjs/common';
import { type Engine, type EngineCommand, type TableFacts, tableFacts } from '#drivers/engines/index.js';
import type { Handle } from '#drivers/runtime/port.js';
import { DatabaseContainers, type Instance } from '#features/databases/index.js';
import { AppError, Capacity, Conflict, Invalid } from '#platform/errors.js';
import { pause } from '#workflows/attempt.js';
import { type ArchiveFacts, archiveFacts, differences } from './facts.js';

const SET_UP_TRIES = 10;
const SET_UP_PAUSE_MS = 1000;
const MOST_FACTS_BYTES = 32 * 2 ** 20;

@Injectable()
export class DatabaseDumps {
  constructor(private readonly containers: DatabaseContainers) {}

  /** @throws Conflict `database_not_running`. */
  async requireHandle({ name }: Instance): Promise<Handle> {
    const found = await this.containers.find(name);
    if (found?.state === 'running') return found;
    throw new Conflict('database_not_running', 'The database does not run: start it first.');
  }

  /** The dump as it comes. @throws Invalid `dump_failed` at its end with what the tool said. */
  async *dump(handle: Handle, { engine, access }: Instance, signal: AbortSignal): AsyncGenerator<Buffer> {
    const command = engine.dump(access);
    if (!command) throw backupUnsupported(engine);
    const { stdout, ended } = await this.containers.exec(handle, command, signal);
    yield* stdout;
    const { exitCode, stderr } = await ended;
    if (exitCode !== 0) throw toolFailed('dump_failed', `${engine.name} could not be dumped`, stderr);
  }

  /** Into a database that has just been made. @throws Invalid `restore_failed`; what reading the dump throws. */
  async load(
    handle: Handle,
    { engine, access }: Instance,
    dump: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const command = engine.restore(access);
    if (!command) throw backupUnsupported(engine);
    const setUp = engine.setUp(access);
    // Before: the dump leaves out the platform's own users but grants them rights. After: it may have changed them.
    if (setUp) await this.setUp(handle, setUp, signal);
    const { stdout, ended } = await this.containers.exec(handle, command, signal, dump);
    for await (const _line of stdout);
    const { exitCode, stderr } = await ended;
    if (exitCode !== 0) throw toolFailed('restore_failed', `${engine.name} did not take the data`, stderr);
    if (setUp) await this.setUp(handle, setUp, signal);
  }

  /** Refused a few times in a row is refused: loading everything again would not change it. */
  private async setUp(handle: Handle, command: EngineCommand, signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { exitCode, stderr } = await this.containers.tell(handle, command, signal);
      if (exitCode === 0) return;
      if (tries === SET_UP_TRIES) throw toolFailed('restore_failed', 'The users could not be set up', stderr);
      await pause(SET_UP_PAUSE_MS, signal);
    }
  }

  /** Null when the engine cannot be asked, or did not answer: a backup without facts is still a backup. */
  async look(handle: Handle, { engine, access }: Instance, signal: AbortSignal): Promise<TableFacts[] | null> {
    const command = engine.compare(access);
    if (!command) return null;
    const { stdout, ended } = await this.containers.exec(handle, command, signal);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stdout) {
      bytes += chunk.length;
      if (bytes > MOST_FACTS_BYTES)
        throw new Capacity('too_many_tables', 'The database has too many tables to compare.');
      chunks.push(chunk);
    }
    return (await ended).exitCode === 0 ? tableFacts(Buffer.concat(chunks).toString('utf8')) : null;
  }

  /** @throws Conflict `restored_data_differs`. */
  async compare(handle: Handle, instance: Instance, wanted: ArchiveFacts | null, signal: AbortSignal): Promise<void> {
    const found = wanted && (await this.look(handle, instance, signal));
    if (!wanted || !found) return;
    const wrong = differences(wanted, found);
    if (wrong.length > 0)
      throw new Conflict('restored_data_differs', `The restored data is not what was backed up: ${wrong.join('; ')}.`);
  }
}

export function bothLooks(before: TableFacts[] | null, after: TableFacts[] | null): ArchiveFacts | null {
  return before && after ? archiveFacts(before, after) : null;
}

export function backupUnsupported(engine: Engine): AppError {
  return new Conflict(
    'backup_unsupported',
    `Backups of ${engine.name} are not supported: it has no dump that is a stream.`,
  );
}

function toolFailed(code: string, what: string, stderr: string): Invalid {
  return new Invalid(code, `${what}: ${stderr.trim().slice(-1000) || 'its tool said nothing.'}`, { cause: stderr });
}
