// The floor's source: a bare repository on this machine, pushed to by path, and its tree as a tar. No HTTP, no hook.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { must } from '../../../deploy/setup/lib/run.mjs';

export class GitFloor {
  /** @param {string} scratch folder @param {string} name */
  static async create(scratch, name) {
    const floor = new GitFloor();
    floor.bare = path.join(scratch, `${name}.git`);
    await must('git', ['init', '--quiet', '--bare', '-b', 'main', '--', floor.bare]);
    return floor;
  }

  /** Build context: the tree of a branch. @returns {import('node:stream').Readable} */
  context(branch = 'main') {
    const args = ['-C', this.bare, 'archive', '--format=tar', branch];
    return spawn('git', args, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout;
  }
}
