/** Paths inside a commit's tree. Symbolic links are never followed: a tree could use them to point outside itself. */
import { Invalid } from '#platform/errors.js';
import { isFullCommit, requireTreePath, shown } from './names.js';
import { EMPTY_TREE, type ObjectReader, parseCommit, parseTree, type TreeEntry } from './objects.js';
import { commitNotFound } from './remote-errors.js';

const FOLDER = '40000';
const LINK = '120000';
const SUBMODULE = '160000';
/** What readFile returns at most, bytes. */
const FILE_LIMIT = 1024 * 1024;

async function rootTree(objects: ObjectReader, commit: string): Promise<string> {
  const object = isFullCommit(commit) ? await objects.read(commit) : null;
  if (object?.type !== 'commit') throw commitNotFound(shown(commit), null);
  return parseCommit(object.data).tree;
}

async function entriesOf(objects: ObjectReader, tree: string): Promise<TreeEntry[]> {
  if (tree === EMPTY_TREE) return [];
  const object = await objects.read(tree);
  return object?.type === 'tree' ? parseTree(object.data) : [];
}

/** Object id of the tree at the path. @throws Invalid `root_directory_not_found`, `root_directory_not_a_directory`, `commit_not_found` */
export async function treeAt(objects: ObjectReader, commit: string, segments: string[]): Promise<string> {
  let tree = await rootTree(objects, commit);
  for (const [depth, segment] of segments.entries()) {
    const path = segments.slice(0, depth + 1).join('/');
    const entry = (await entriesOf(objects, tree)).find((each) => each.name === segment);
    if (!entry)
      throw new Invalid(
        'root_directory_not_found',
        `There is no folder "${shown(path)}" in commit ${commit.slice(0, 12)}.`,
      );
    if (entry.mode !== FOLDER) throw notAFolder(path, entry.mode);
    tree = entry.oid;
  }
  return tree;
}

function notAFolder(path: string, mode: string): Invalid {
  const kind = mode === LINK ? 'a symbolic link' : mode === SUBMODULE ? 'a submodule' : 'a file';
  const advice = 'The root directory must be a folder of the repository itself.';
  return new Invalid('root_directory_not_a_directory', `"${shown(path)}" is ${kind}, not a folder. ${advice}`);
}

/** At most 1 MiB of a regular file as UTF-8; null when there is none of that name. */
export async function fileAt(objects: ObjectReader, commit: string, path: string): Promise<string | null> {
  const segments = filePath(path);
  const name = segments.pop();
  let tree = await rootTree(objects, commit);
  for (const segment of segments) {
    const folder = (await entriesOf(objects, tree)).find((each) => each.name === segment && each.mode === FOLDER);
    if (!folder) return null;
    tree = folder.oid;
  }
  const entry = (await entriesOf(objects, tree)).find((each) => each.name === name && each.mode.startsWith('100'));
  if (!entry) return null;
  const blob = await objects.read(entry.oid, FILE_LIMIT);
  return blob?.data.toString('utf8') ?? null;
}

/** Which of the named paths below the folder are regular files. */
export async function filesIn(
  objects: ObjectReader,
  commit: string,
  segments: string[],
  names: string[],
): Promise<string[]> {
  const folders = new Map<string, Map<string, TreeEntry>>();
  const entries = async (path: string[]): Promise<Map<string, TreeEntry>> => {
    const key = path.join('/');
    const known = folders.get(key);
    if (known) return known;
    const found =
      path.length === 0 ? await treeAt(objects, commit, segments) : folderIn(await entries(path.slice(0, -1)), path);
    const read = new Map((found ? await entriesOf(objects, found) : []).map((entry) => [entry.name, entry]));
    folders.set(key, read);
    return read;
  };
  const there: string[] = [];
  for (const name of names) {
    const parts = filePath(name);
    const file = parts.pop();
    if (file !== undefined && (await entries(parts)).get(file)?.mode.startsWith('100')) there.push(name);
  }
  return there;
}

function folderIn(entries: Map<string, TreeEntry>, path: string[]): string | null {
  const entry = entries.get(path.at(-1) ?? '');
  return entry?.mode === FOLDER ? entry.oid : null;
}

/** A path that cannot be in a tree (absolute, with `..`) has no segments: no file has that name. */
function filePath(path: string): string[] {
  try {
    return requireTreePath(path);
  } catch {
    return [];
  }
}
