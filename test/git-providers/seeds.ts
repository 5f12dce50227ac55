/** New repositories are copies of one that was made with git once: most of the time of a test would go into git processes. */
import path from 'node:path';
import type { FakeFiles } from '#drivers/source/fake.js';
import { commitTo, makeBare } from '#drivers/source/testing/git-work.js';

export class Seeds {
  private readonly made = new Map<string, Promise<string>>();

  constructor(private readonly root: string) {}

  /** Folder of a bare repository with these files as its only commit; without files an empty one. Not to be changed. */
  of(files?: FakeFiles): Promise<string> {
    const key = JSON.stringify(files ?? null);
    const seed = this.made.get(key) ?? this.make(files);
    this.made.set(key, seed);
    return seed;
  }

  private async make(files?: FakeFiles): Promise<string> {
    const folder = path.join(this.root, 'seeds', `${this.made.size}.git`);
    await makeBare(folder);
    if (files) await commitTo(folder, 'main', files, 'First commit');
    return folder;
  }
}
