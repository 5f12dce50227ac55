/** PostgreSQL as far as backups see it, inside the fake runtime: each volume holds a text; dump, restore and compare work on it. */
import { createHash } from 'node:crypto';
import type { FakeRuntime } from '#drivers/runtime/fake.js';
import type { Program } from '#drivers/runtime/port.js';

export class FakeEngine {
  /** Name of the volume -> its data. */
  readonly data = new Map<string, string>();
  /** Exit code of the next dumps and restores. */
  dumpExit = 0;
  restoreExit = 0;
  /** Called in the middle of a dump. */
  onDump: () => void | Promise<void> = () => undefined;

  constructor(private readonly runtime: FakeRuntime) {
    runtime.onExec = (name, program, stdin) => this.exec(name, program, stdin);
  }

  /** Of a database's container. */
  of(name: string): string {
    return this.data.get(this.volume(name)) ?? '';
  }

  set(name: string, text: string): void {
    this.data.set(this.volume(name), text);
  }

  private volume(name: string): string {
    return this.runtime.workloads.get(name)?.spec.mounts[0]?.volume ?? '';
  }

  private async exec(name: string, { argv, env = {} }: Program, stdin: Buffer) {
    const text = argv.join(' ');
    if (text.includes('pg_dumpall')) {
      const stdout = this.of(name);
      await this.onDump();
      return { stdout, exitCode: this.dumpExit, stderr: 'pg_dump: error: no' };
    }
    if (text.includes('DROP DATABASE IF EXISTS')) {
      this.set(name, stdin.toString('utf8'));
      return { exitCode: this.restoreExit, stderr: 'ERROR: no' };
    }
    if (env.FACTS) return { stdout: facts(this.of(name)) };
    return {};
  }
}

/** One table per line of the data. */
function facts(text: string): string {
  const lines = text.split('\n').filter(Boolean);
  const sum = (line: string) => createHash('sha256').update(line).digest('hex');
  return lines.map((line, index) => `app.public.t${index}\t${line.length}\t${sum(line)}\n`).join('');
}
