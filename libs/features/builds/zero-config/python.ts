/** Python: what to install, and how to start it. Pure. */
import {
  type Files,
  type NotRecognised,
  notRecognised,
  procfileLine,
  type Recipe,
  shell,
  type Wishes,
} from './recipe.js';

const DEFAULT_PYTHON = '3.11';
const MODULES = [
  'app.py',
  'main.py',
  'wsgi.py',
  'asgi.py',
  'server.py',
  'application.py',
  'run.py',
  'app/main.py',
  'app/__init__.py',
  'src/main.py',
  'src/app.py',
];
const MANIFESTS = ['requirements.txt', 'pyproject.toml', 'poetry.lock', 'uv.lock', 'Pipfile', 'Pipfile.lock'];
export const PYTHON_FILES = [...MANIFESTS, 'setup.py', 'runtime.txt', '.python-version', 'manage.py', ...MODULES];

type PythonRecipe = Extract<Recipe, { kind: 'python' }>;

export function recognisePython(files: Files, wishes: Wishes): Recipe | NotRecognised | null {
  const manifest = [...MANIFESTS, 'setup.py', 'manage.py'].find((name) => files[name] !== undefined);
  const module = MODULES.find((name) => files[name] !== undefined);
  // A lone main.py is a project too, but not when another language owns the folder.
  if (!manifest && (!module || files['package.json'] !== undefined)) return null;
  const start = startOf(files, wishes);
  if (!start) {
    return notRecognised('this is Python, but nothing says how to start it: add a Procfile with "web: <command>"', [
      'Procfile',
      'manage.py',
      ...MODULES,
    ]);
  }
  const version = versionOf(files);
  const install = installOf(files);
  return {
    kind: 'python',
    name: `Python ${version}${start.framework ? `, ${start.framework}` : ''}`,
    version,
    install,
    manifests: manifestsOf(files, install),
    buildCommand: wishes.buildCommand,
    start: start.argv,
  };
}

function versionOf(files: Files): string {
  const said =
    files['.python-version'] ??
    files['runtime.txt'] ??
    /^\s*requires-python\s*=\s*["'](?:==|~=)\s*([\d.]+)/m.exec(files['pyproject.toml'] ?? '')?.[1] ??
    /^\s*requires-python\s*=\s*["']>=\s*(3\.(?:1[2-9]|[2-9]\d))/m.exec(files['pyproject.toml'] ?? '')?.[1];
  return /(3\.\d+)/.exec(said ?? '')?.[1] ?? DEFAULT_PYTHON;
}

function installOf(files: Files): PythonRecipe['install'] {
  if (files['uv.lock'] !== undefined) return 'uv';
  if (files['poetry.lock'] !== undefined) return 'poetry';
  if (files['requirements.txt'] !== undefined) return 'requirements';
  if (files['Pipfile.lock'] !== undefined || files.Pipfile !== undefined) return 'pipenv';
  const project = files['pyproject.toml'] ?? '';
  if (/^\[(project|build-system|tool\.poetry)\]/m.test(project) || files['setup.py'] !== undefined) return 'project';
  return 'none';
}

/** Files to install from, when nothing in them points at the sources. */
function manifestsOf(files: Files, install: PythonRecipe['install']): string[] | null {
  if (install === 'project' || install === 'none') return null;
  if (install !== 'requirements') return MANIFESTS.filter((name) => files[name] !== undefined);
  const local = /^\s*(-r|-e|-c|--requirement|--editable|--constraint|\.|file:)|@\s*file:|^\s*[\w.-]+\//m;
  return local.test(files['requirements.txt'] ?? '') ? null : ['requirements.txt'];
}

interface Start {
  argv: string[];
  framework: string | null;
}

function startOf(files: Files, wishes: Wishes): Start | null {
  const given = wishes.startCommand ?? procfileLine(files, wishes.process);
  if (given) return { argv: shell(given), framework: null };
  const needs = (name: string) => new RegExp(`(^|["'\\s\\[])${name}\\b`, 'im').test(texts(files));
  if (files['manage.py'] !== undefined) return django(files['manage.py'], needs('gunicorn'));
  for (const name of MODULES.filter((each) => files[each] !== undefined)) {
    const found = application(name, files[name] ?? '', needs);
    if (found) return found;
  }
  const script = MODULES.find((name) => files[name] !== undefined && !name.endsWith('__init__.py'));
  return script ? { argv: ['python', script], framework: null } : null;
}

const texts = (files: Files): string => MANIFESTS.map((name) => files[name] ?? '').join('\n');

function django(manage: string, gunicorn: boolean): Start {
  const project = /DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)\.settings/.exec(manage)?.[1];
  const command =
    gunicorn && project
      ? `exec gunicorn ${project}.wsgi:application --bind 0.0.0.0:$PORT`
      : 'exec python manage.py runserver --noreload 0.0.0.0:$PORT';
  return { argv: shell(command), framework: 'Django' };
}

/** `app = Flask(...)` or a factory in this module. */
function application(file: string, text: string, needs: (name: string) => boolean): Start | null {
  const [, variable, type] =
    /^(\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?(Flask|FastAPI|Starlette|Quart|Sanic)\(/m.exec(text) ?? [];
  const factory = /^def (create_app|make_app)\(\s*\w*[^)]*\)/m.exec(text)?.[1];
  const module = file.replace(/(\/__init__)?\.py$/, '').replaceAll('/', '.');
  const framework = type ?? (factory && needs('flask') ? 'Flask' : null);
  if (!framework) return null;
  const target = variable ? `${module}:${variable}` : `${module}:${factory}`;
  const call = variable ? '' : '()';
  if (framework !== 'Flask') {
    const server = needs('hypercorn')
      ? `hypercorn ${target} --bind 0.0.0.0:$PORT`
      : `uvicorn ${target} --host 0.0.0.0 --port $PORT`;
    return { argv: shell(`exec ${server}`), framework };
  }
  const command = needs('gunicorn')
    ? `exec gunicorn '${target}${call}' --bind 0.0.0.0:$PORT`
    : `exec flask --app ${target} run --host 0.0.0.0 --port $PORT`;
  return { argv: shell(command), framework };
}
