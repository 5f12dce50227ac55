/** What is made of which source: the choice of the builder, the recipe and the Dockerfile. */
import { type ChosenBuild, chooseBuild } from './build-choice.js';
import { SAMPLES } from './testing/samples.js';
import { fileTree, wish } from './testing/trees.js';
import { GENERATED_DOCKERFILE } from './zero-config/dockerfile.js';

const NONE = { railpack: false, nixpacks: false };
const json = JSON.stringify;

async function choose(files: Record<string, string>, change: Parameters<typeof wish>[0] = {}): Promise<ChosenBuild> {
  const choice = await chooseBuild(fileTree(files), wish(change), NONE);
  if (choice.kind !== 'ready') throw new Error(choice.type);
  return choice.build;
}

const dockerfileOf = async (files: Record<string, string>, change: Parameters<typeof wish>[0] = {}): Promise<string> =>
  (await choose(files, change)).files[GENERATED_DOCKERFILE] ?? '';

const node = (manifest: object, more: Record<string, string> = {}) => ({ 'package.json': json(manifest), ...more });
const START = { scripts: { start: 'node server.js' } };

describe('which builder', () => {
  it('a Dockerfile wins over everything that could be recognised', async () => {
    const build = await choose(
      { Dockerfile: 'FROM scratch\nARG A\n', 'package.json': '{}' },
      { offered: { A: '1', B: '2' } },
    );
    expect(build).toMatchObject({ type: 'dockerfile', dockerfile: 'Dockerfile', files: {}, buildArgs: { A: '1' } });
  });

  it.each([
    ['dockerfile' as const, null],
    [null, 'docker/Prod.Dockerfile'],
  ])('asked for (%s, %s) and not there', async (type, dockerfile) => {
    await expect(choose(node(START), { type, dockerfile })).rejects.toMatchObject({ code: 'dockerfile_not_found' });
  });

  it('an installed program is used when there is no Dockerfile, railpack before nixpacks', async () => {
    const tree = fileTree(node(START));
    const both = await chooseBuild(tree, wish(), { railpack: true, nixpacks: true });
    expect(both).toEqual({ kind: 'program', type: 'railpack' });
    const one = await chooseBuild(tree, wish(), { railpack: false, nixpacks: true });
    expect(one).toEqual({ kind: 'program', type: 'nixpacks' });
  });

  it.each(['railpack', 'nixpacks'] as const)('%s asked for and not installed', async (type) => {
    const message = expect.stringMatching(new RegExp(`${type} is not installed[\\s\\S]*https://`));
    await expect(choose(node(START), { type })).rejects.toMatchObject({ code: 'builder_not_installed', message });
  });

  it('what cannot be recognised is told what was looked for', async () => {
    const message = expect.stringMatching(/services\/api.*go\.mod.*requirements\.txt.*package\.json.*index\.html/);
    const failure = choose({ 'services/api/notes.txt': '' }, { rootDirectory: 'services/api' });
    await expect(failure).rejects.toMatchObject({ code: 'source_not_recognised', message });
  });

  it("a start command becomes the image's when nobody else brings it", async () => {
    const text = await dockerfileOf({ Dockerfile: 'FROM scratch' }, { startCommand: 'say "hi"', bakeStart: true });
    expect(text).toBe('FROM scratch\nENTRYPOINT []\nCMD ["/bin/sh","-c","say \\"hi\\""]\n');
  });

  it("the key changes with the tree's variables and the recipe, and not with their order", async () => {
    const key = async (change: Parameters<typeof wish>[0]) => (await choose(node(START), change)).key;
    const one = await key({ variables: { A: '1', B: '2' } });
    expect(await key({ variables: { B: '2', A: '1' } })).toBe(one);
    expect(await key({ variables: { A: '1', B: '3' } })).not.toBe(one);
    expect(await key({ variables: { A: '1', B: '2' }, buildCommand: 'make' })).not.toBe(one);
  });
});

describe('Node', () => {
  it.each([
    [{}, {}, 'npm install --include=dev'],
    [{}, { 'package-lock.json': '{}' }, 'npm ci --include=dev'],
    [{}, { 'yarn.lock': '' }, 'yarn install --production=false --frozen-lockfile'],
    [{ packageManager: 'yarn@4.1.0' }, { 'yarn.lock': '' }, 'yarn install --immutable'],
    [{}, { 'pnpm-lock.yaml': "lockfileVersion: '9.0'" }, 'npm install --global pnpm@9\n'],
    [{}, { 'pnpm-lock.yaml': "lockfileVersion: '6.0'" }, 'npm install --global pnpm@8\n'],
    [{ packageManager: 'pnpm@10.2.1' }, { 'pnpm-lock.yaml': '' }, 'npm install --global pnpm@10.2.1\n'],
    [{}, { 'pnpm-lock.yaml': '' }, 'pnpm install --prod=false --frozen-lockfile'],
  ])('%j with %j installs with %s', async (manifest, files, expected) => {
    expect(await dockerfileOf(node({ ...START, ...manifest }, files as Record<string, string>))).toContain(expected);
  });

  it('engines choose the image, and a version that no image has is refused', async () => {
    expect(await dockerfileOf(node({ ...START, engines: { node: '22.x' } }))).toContain('FROM node:22-bookworm-slim');
    await expect(dockerfileOf(node({ ...START, engines: { node: '11' } }))).rejects.toMatchObject({
      code: 'source_not_recognised',
    });
  });

  it.each([
    [
      { scripts: { start: 'node --enable-source-maps dist/main.js' } },
      {},
      '["node","--enable-source-maps","dist/main.js"]',
    ],
    [{ scripts: { start: 'A=1 node . && true' } }, {}, '["npm","run","start"]'],
    [{ scripts: { prestart: 'x', start: 'node .' } }, {}, '["npm","run","start"]'],
    [{ scripts: { start: 'nest start', 'start:prod': 'node dist/main' } }, {}, '["node","dist/main"]'],
    [{ main: 'lib/app.js' }, {}, '["node","lib/app.js"]'],
    [{}, { 'server.js': '' }, '["node","server.js"]'],
    [START, { Procfile: 'web: node other.js\n' }, '["/bin/sh","-c","node other.js"]'],
    [{ dependencies: { next: '15' }, scripts: { build: 'next build' } }, {}, '["next","start"]'],
  ])('%j with %j starts with %s', async (manifest, files, expected) => {
    expect(await dockerfileOf(node(manifest, files as Record<string, string>))).toContain(`CMD ${expected}\n`);
  });

  it('a project without a way to start is told so', async () => {
    await expect(choose(node({}))).rejects.toMatchObject({ message: expect.stringContaining('no "start" script') });
    await expect(choose({ 'package.json': '{' })).rejects.toMatchObject({
      message: expect.stringContaining('not valid JSON'),
    });
  });

  it.each([
    [{ devDependencies: { vite: '5' } }, {}, 'dist', true],
    [{ devDependencies: { vite: '5' } }, { 'vite.config.ts': "build: { outDir: 'public/app' }" }, 'public/app', true],
    [{ dependencies: { 'react-scripts': '5' }, scripts: { start: 'react-scripts start' } }, {}, 'build', true],
    [{ dependencies: { astro: '4' } }, {}, 'dist', false],
    [{ dependencies: { next: '15' } }, { 'next.config.js': "output: 'export'" }, 'out', false],
  ])('%j with %j is a site in %s', async (manifest, files, output, singlePage) => {
    const { scripts, ...rest } = { scripts: {}, ...manifest };
    const build = await choose(node({ ...rest, scripts: { build: 'x', ...scripts } }, files as Record<string, string>));
    expect(build.files[GENERATED_DOCKERFILE]).toContain(`find ${output} -name index.html`);
    const site = build.files['.containr-build/default.conf.template'];
    expect(site?.includes('$uri/ /index.html;')).toBe(singlePage);
  });

  it('a server that uses Vite is a server', async () => {
    const manifest = {
      scripts: { build: 'vite build', start: 'node build' },
      devDependencies: { vite: '5', '@sveltejs/adapter-node': '5' },
    };
    expect(await dockerfileOf(node(manifest))).toContain('CMD ["node","build"]');
  });

  it('a member of a pnpm workspace is built from the root of the workspace', async () => {
    const files = {
      'package.json': json({ private: true, packageManager: 'pnpm@9.1.0' }),
      'pnpm-workspace.yaml': 'packages: [apps/*, packages/*]\n',
      'pnpm-lock.yaml': "lockfileVersion: '9.0'\n",
      'apps/web/package.json': json({
        ...START,
        scripts: { build: 'x', start: 'node server.js' },
        devDependencies: { a: '1' },
      }),
    };
    const build = await choose(files, { rootDirectory: 'apps/web' });
    const text = build.files[GENERATED_DOCKERFILE] ?? '';
    expect(build).toMatchObject({ root: '', key: expect.any(String) });
    expect(text).toContain(
      'pnpm install --prod=false --frozen-lockfile --store-dir /pnpm/store --filter ./apps/web...',
    );
    expect(text).toContain('pnpm --recursive --filter ./apps/web... run build');
    expect(text.split('\nFROM').at(-1)).toContain('WORKDIR /app/apps/web\n');
  });

  it('caches carry the scope, and variables and authorities go only where they belong', async () => {
    const text = await dockerfileOf(node(START), { scope: 'service-1', ca: true, variables: { VITE_A: '1' } });
    expect(text).toContain('--mount=type=cache,id=containr-service-1-npm,');
    expect(text).toContain('--mount=type=secret,id=containr_build_ca,');
    expect(text).toContain('ARG VITE_A\n');
    expect(text.split('\nFROM').at(-1)).not.toContain('VITE_A');
  });

  it('what the user wrote stays one instruction', async () => {
    const text = await dockerfileOf(node(START), { buildCommand: 'echo "a"\nUSER root', startCommand: 'x\nFROM y' });
    expect(text).toContain('RUN ["/bin/sh","-c","echo \\"a\\"\\nUSER root"]');
    expect(text.match(/^FROM/gm)).toHaveLength(2);
  });
});

describe('other languages', () => {
  it.each([
    [
      { 'requirements.txt': 'flask\ngunicorn', 'app.py': 'from flask import Flask\napp = Flask(__name__)' },
      "exec gunicorn 'app:app' --bind 0.0.0.0:$PORT",
    ],
    [
      { 'requirements.txt': 'flask', 'main.py': 'app = Flask(__name__)' },
      'exec flask --app main:app run --host 0.0.0.0 --port $PORT',
    ],
    [
      { 'requirements.txt': 'fastapi\nuvicorn', 'app/main.py': 'api = FastAPI()' },
      'exec uvicorn app.main:api --host 0.0.0.0 --port $PORT',
    ],
    [
      {
        'requirements.txt': 'Django\ngunicorn',
        'manage.py': "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')",
      },
      'exec gunicorn shop.wsgi:application',
    ],
    [
      { 'requirements.txt': 'flask', 'app.py': 'app = Flask(__name__)', Procfile: 'web: python go.py' },
      '"python go.py"',
    ],
  ])('Python %j starts with %s', async (files, command) => {
    expect(await dockerfileOf(files as Record<string, string>)).toContain(command);
  });

  it.each([
    [{ 'requirements.txt': '', 'main.py': '' }, 'pip install -r requirements.txt'],
    [{ 'pyproject.toml': '[tool.poetry]', 'poetry.lock': '', 'main.py': '' }, 'poetry install --only main'],
    [{ 'pyproject.toml': '[project]', 'uv.lock': '', 'main.py': '' }, 'uv sync --frozen'],
    [{ 'pyproject.toml': '[project]\nrequires-python = ">=3.12"', 'main.py': '' }, 'FROM python:3.12-slim-bookworm'],
    [{ 'main.py': '' }, 'CMD ["python","main.py"]'],
  ])('Python %j has %s', async (files, part) => {
    expect(await dockerfileOf(files as Record<string, string>)).toContain(part);
  });

  it('Django with a front end is Python; Laravel is PHP', async () => {
    const django = { 'manage.py': '', 'requirements.txt': 'django', ...node(START) };
    expect((await choose(django)).name).toBe('Python 3.11, Django');
    const laravel = { 'composer.json': '{"require":{"php":"^8.2"}}', 'public/index.php': '', ...node(START) };
    const text = await dockerfileOf(laravel);
    expect(text).toContain('FROM php:8.3-apache');
    expect(text).toContain('APACHE_DOCUMENT_ROOT=/var/www/html/public');
  });

  it('Go', async () => {
    const text = await dockerfileOf({ 'go.mod': 'module x\n\ngo 1.23.1\n', 'main.go': '' });
    expect(text).toContain('FROM golang:1.23-bookworm AS build');
    expect(text).toContain('go build -trimpath -ldflags=-s -o /out/app .');
    expect(await dockerfileOf({ 'go.mod': 'module x' })).toContain('./cmd/...');
  });

  it('static files', async () => {
    expect(await dockerfileOf(SAMPLES.page.files)).toContain('COPY [".","/usr/share/nginx/html/"]');
    expect(await dockerfileOf({ 'public/index.html': '' })).toContain('COPY ["public/","/usr/share/nginx/html/"]');
  });
});
