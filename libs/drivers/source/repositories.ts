/** The folder of bare repositories: `<dataDir>/repositories/<service id>.git`. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NotFound } from '#platform/errors.js';
import { requireRepositoryName } from './names.js';

/**
 * What `git init --bare` would write, less samples and templates, in one go without a process. No automatic gc: pruning is ours.
 * hideRefs: refs that keep commits are nobody's business; procReceiveRefs: pushes are handed to our own hook (git-receive-pack(1)).
 */
const CONFIG = `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[receive]
\tautogc = false
\tfsckObjects = true
\tprocReceiveRefs = refs/heads
[transfer]
\thideRefs = refs/containr
[http]
\treceivepack = true
`;

/** A build context is the whole tree: a repository's own export attributes are meant for release archives. gitattributes(5), $GIT_DIR/info. */
const ATTRIBUTES = '* -export-ignore -export-subst\n';

export class Repositories {
  private root: Promise<string> | null = null;

  constructor(private readonly dataDir: string) {}

  /** Where they all are: a folder that exists, for calls that need no repository. */
  home(): Promise<string> {
    return this.folder();
  }

  /** Absolute, without symbolic links: lock names and the look for processes compare it. */
  private folder(): Promise<string> {
    this.root ??= this.makeFolder().catch((error) => {
      this.root = null;
      throw error;
    });
    return this.root;
  }

  private async makeFolder(): Promise<string> {
    const folder = join(this.dataDir, 'repositories');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return realpath(folder);
  }

  async path(name: string): Promise<string> {
    return join(await this.folder(), `${requireRepositoryName(name)}.git`);
  }

  /** @throws NotFound `repository_not_found` */
  async require(name: string): Promise<string> {
    const path = await this.path(name);
    if (existsSync(join(path, 'HEAD'))) return path;
    throw new NotFound('repository_not_found', 'Nothing has been fetched or pushed for this service yet.');
  }

  async find(name: string): Promise<string | null> {
    const path = await this.path(name);
    return existsSync(join(path, 'HEAD')) ? path : null;
  }

  async ensure(name: string): Promise<string> {
    const path = await this.path(name);
    if (!existsSync(join(path, 'HEAD'))) await this.create(path);
    return path;
  }

  /** Made aside and renamed: nobody ever sees half a repository, and of two makers one wins. */
  private async create(path: string): Promise<void> {
    const draft = `${path}.${randomUUID()}.tmp`;
    for (const folder of ['objects/info', 'objects/pack', 'refs/heads', 'info'])
      await mkdir(join(draft, folder), { recursive: true });
    await writeFile(join(draft, 'config'), CONFIG);
    await writeFile(join(draft, 'info/attributes'), ATTRIBUTES);
    await writeFile(join(draft, 'HEAD'), 'ref: refs/heads/main\n');
    try {
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      if (!existsSync(join(path, 'HEAD'))) throw error;
    }
  }

  async remove(name: string): Promise<void> {
    const path = await this.path(name);
    if (existsSync(path)) await rename(path, `${path}.${randomUUID()}.tmp`);
    const folder = await this.folder();
    // Also what a removal or creation that was killed half-way has left.
    const rest = (await readdir(folder)).filter((entry) => entry.startsWith(`${name}.git.`) && entry.endsWith('.tmp'));
    for (const entry of rest) await rm(join(folder, entry), { recursive: true, force: true });
  }

  async names(): Promise<string[]> {
    const entries = await readdir(await this.folder());
    return entries.filter((name) => /^[0-9a-f-]{36}\.git$/.test(name)).map((name) => name.slice(0, -'.git'.length));
  }
}
