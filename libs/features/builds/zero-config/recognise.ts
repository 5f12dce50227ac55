/**
 * Which recipe fits a repository without a Dockerfile. Order: Go, PHP, Python, Node, static files; so that a Laravel or Django project whose
 * front end has a package.json is taken for what it is.
 */
import { NODE_FILES, recogniseNode } from './node.js';
import { PYTHON_FILES, recognisePython } from './python.js';
import {
  type Application,
  type Files,
  type NotRecognised,
  notRecognised,
  procfileLine,
  type Recipe,
  shell,
  type Wishes,
} from './recipe.js';

const DEFAULT_GO = '1.22';
const DEFAULT_PHP = '8.3';
const OTHER_FILES = [
  'Procfile',
  'go.mod',
  'go.sum',
  'main.go',
  'composer.json',
  'index.php',
  'public/index.php',
  'index.html',
  'public/index.html',
];

/** Every file that is read to recognise an application. */
export const FILES_READ = [...new Set([...OTHER_FILES, ...PYTHON_FILES, ...NODE_FILES])];

/** For the error: the files that would have decided. */
export const LOOKED_FOR = [
  'Dockerfile',
  'go.mod',
  'composer.json or index.php',
  'requirements.txt, pyproject.toml, Pipfile, setup.py or manage.py',
  'app.py or main.py',
  'package.json',
  'index.html or public/index.html',
];

export function recognise(app: Application, wishes: Wishes): Recipe | NotRecognised {
  const { files } = app;
  return (
    go(files, wishes) ??
    php(files, wishes) ??
    recognisePython(files, wishes) ??
    recogniseNode(app, wishes) ??
    site(files) ??
    notRecognised(null, LOOKED_FOR)
  );
}

function go(files: Files, wishes: Wishes): Recipe | null {
  const module = files['go.mod'];
  if (module === undefined) return null;
  const version = /^go (\d+\.\d+)/m.exec(module)?.[1] ?? DEFAULT_GO;
  const given = wishes.startCommand ?? procfileLine(files, wishes.process);
  const target = files['main.go'] === undefined ? './cmd/...' : '.';
  const start = given ? shell(given) : null;
  return { kind: 'go', name: `Go ${version}`, version, hasSum: files['go.sum'] !== undefined, target, start };
}

function php(files: Files, wishes: Wishes): Recipe | null {
  const composer = files['composer.json'];
  const index = ['public/index.php', 'index.php'].find((name) => files[name] !== undefined);
  if (composer === undefined && index === undefined) return null;
  const version = /"php"\s*:\s*"[^"\d]*(\d+\.\d+)/.exec(composer ?? '')?.[1] ?? DEFAULT_PHP;
  return {
    kind: 'php',
    // An older minor than the default satisfies `^8.1` too: the newest of the same major is meant.
    version: version.startsWith('8.') && version < DEFAULT_PHP ? DEFAULT_PHP : version,
    name: `PHP ${version}`,
    composer: composer !== undefined,
    publicFolder: index === 'public/index.php' ? 'public' : '',
    buildCommand: wishes.buildCommand,
  };
}

function site(files: Files): Recipe | null {
  if (files['index.html'] !== undefined) return { kind: 'static', name: 'static files', folder: '' };
  if (files['public/index.html'] !== undefined)
    return { kind: 'static', name: 'static files in public/', folder: 'public' };
  return null;
}
