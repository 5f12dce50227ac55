/** A work tree that tests commit to and publish from, with git itself. */
import { execFile } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { FakeFile } from '../fake.js';

const execute = promisify(execFile);
const ENV = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.invalid',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.invalid',
};

export async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute('git', args, { cwd: folder, env: ENV, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

/** Makes an empty bare repository whose default branch is `main`. */
export async function makeBare(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await git(dirname(path), 'init', '--quiet', '--bare', '--initial-branch=main', path);
}

/** One commit with exactly these files on `branch` of the bare repository; returns its id. Files named like `*.sh` are executable. */
export async function commitTo(
  bare: string,
  branch: string,
  files: Record<string, FakeFile>,
  subject = 'A commit',
): Promise<string> {
  const work = `${bare}.work`;
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const here = ['--git-dir', bare, '--work-tree', work];
  for (const [path, content] of Object.entries(files)) await put(work, path, content);
  await git(work, ...here, 'add', '--all', '--force', '.');
  for (const [path, content] of Object.entries(files)) {
    if (typeof content === 'object' && 'submodule' in content) {
      await git(work, ...here, 'update-index', '--add', '--cacheinfo', `160000,${content.submodule},${path}`);
    }
  }
  const tree = await git(work, ...here, 'write-tree');
  const parent = await git(work, ...here, 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}`).catch(() => '');
  const commit = await git(work, ...here, 'commit-tree', tree, ...(parent ? ['-p', parent] : []), '-m', subject);
  await git(work, ...here, 'update-ref', `refs/heads/${branch}`, commit);
  await git(work, ...here, 'update-server-info');
  await rm(work, { recursive: true, force: true });
  await rm(join(bare, 'index'), { force: true });
  return commit;
}

async function put(work: string, path: string, content: FakeFile): Promise<void> {
  const file = join(work, path);
  await mkdir(dirname(file), { recursive: true });
  if (typeof content === 'string') await writeFile(file, content, { mode: path.endsWith('.sh') ? 0o755 : 0o644 });
  else if ('link' in content) await symlink(content.link, file);
}
