/**
 * The shapes of well-known sample applications, without the network: a framework is a package of the same name and commands in a folder of
 * the sample, so that the package manager, the scripts and the generated stages really run.
 */
interface Sample {
  files: Record<string, string>;
  /** root_directory */
  folder?: string;
  variables?: Record<string, string>;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** A package in `vendor/`, installed by npm as `file:`; with its entry in the lockfile. */
function lock(name: string, dependencies: Record<string, { dev?: boolean; bin?: Record<string, string> }>): string {
  const vendored = Object.entries(dependencies);
  const all = (dev: boolean) =>
    Object.fromEntries(
      vendored.filter(([, { dev: is = false }]) => is === dev).map(([each]) => [each, `file:vendor/${each}`]),
    );
  return json({
    name,
    version: '1.0.0',
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { name, version: '1.0.0', dependencies: all(false), devDependencies: all(true) },
      ...Object.fromEntries(
        vendored.flatMap(([each, { dev, bin }]) => [
          [`node_modules/${each}`, { resolved: `vendor/${each}`, link: true, ...(dev ? { dev } : {}) }],
          [`vendor/${each}`, { version: '1.0.0', ...(dev ? { dev } : {}), ...(bin ? { bin } : {}) }],
        ]),
      ),
    },
  });
}

const server = (text: string): string =>
  `const server = require('node:http').createServer((_, response) => response.end(${text}));
server.listen(process.env.PORT);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

const express: Sample = {
  files: {
    'package.json': json({
      name: 'express-starter',
      version: '1.0.0',
      engines: { node: '>=18' },
      scripts: { build: 'node build.js', start: 'node server.js' },
      dependencies: { express: 'file:vendor/express' },
      devDependencies: { bundler: 'file:vendor/bundler' },
    }),
    'package-lock.json': lock('express-starter', { express: {}, bundler: { dev: true } }),
    'vendor/express/package.json': json({ name: 'express', version: '1.0.0', main: 'index.js' }),
    'vendor/express/index.js': "module.exports = () => 'express';\n",
    'vendor/bundler/package.json': json({ name: 'bundler', version: '1.0.0', main: 'index.js' }),
    'vendor/bundler/index.js': "module.exports = () => 'built';\n",
    'build.js': "require('node:fs').writeFileSync('built.json', JSON.stringify(require('bundler')()));\n",
    'server.js': `let dev = 'present';
try { require.resolve('bundler'); } catch { dev = 'absent'; }
const text = \`\${require('express')()}: \${require('./built.json')}, uid \${process.getuid()}, dev dependency \${dev}\`;
${server('text')}`,
  },
};

const vite: Sample = {
  files: {
    'package.json': json({
      name: 'vite-site',
      version: '1.0.0',
      scripts: { dev: 'vite', build: 'vite build', preview: 'vite preview' },
      devDependencies: { vite: 'file:vendor/vite' },
    }),
    'package-lock.json': lock('vite-site', { vite: { dev: true, bin: { vite: 'vite.js' } } }),
    'vendor/vite/package.json': json({ name: 'vite', version: '1.0.0', bin: { vite: 'vite.js' } }),
    'vendor/vite/vite.js': `#!/usr/bin/env node
const fs = require('node:fs');
fs.mkdirSync('dist');
fs.writeFileSync('dist/.env', 'secret');
fs.writeFileSync('dist/index.html', 'site for ' + process.env.VITE_API + '\\n');
`,
    'index.html': '<div id="root"></div>',
  },
  variables: { VITE_API: 'https://api.example.test' },
};

const next: Sample = {
  files: {
    'package.json': json({
      name: 'next-app',
      version: '1.0.0',
      scripts: { dev: 'next dev', build: 'next build', start: 'next start' },
      dependencies: { next: 'file:vendor/next' },
    }),
    'package-lock.json': lock('next-app', { next: { bin: { next: 'next.js' } } }),
    'vendor/next/package.json': json({ name: 'next', version: '1.0.0', bin: { next: 'next.js' } }),
    'vendor/next/next.js': `#!/usr/bin/env node
if (process.argv[2] === 'build') return require('node:fs').mkdirSync('.next');
require('node:fs').readdirSync('.next');
${server("'next ' + process.env.NODE_ENV")}`,
    'next.config.js': 'module.exports = {};\n',
  },
};

const workspace: Sample = {
  folder: 'apps/web',
  files: {
    'package.json': json({ name: 'mono', version: '1.0.0', private: true, workspaces: ['apps/*', 'packages/*'] }),
    'package-lock.json': json({
      name: 'mono',
      version: '1.0.0',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': { name: 'mono', version: '1.0.0', workspaces: ['apps/*', 'packages/*'] },
        'apps/web': { name: 'web', version: '1.0.0', dependencies: { shared: '1.0.0' } },
        'node_modules/shared': { resolved: 'packages/shared', link: true },
        'node_modules/web': { resolved: 'apps/web', link: true },
        'packages/shared': { version: '1.0.0' },
      },
    }),
    'packages/shared/package.json': json({ name: 'shared', version: '1.0.0', main: 'index.js' }),
    'packages/shared/index.js': "module.exports = 'shared';\n",
    'apps/web/package.json': json({
      name: 'web',
      version: '1.0.0',
      scripts: { build: 'node build.js', start: 'node server.js' },
      dependencies: { shared: '1.0.0' },
    }),
    'apps/web/build.js': "require('node:fs').writeFileSync('built.json', JSON.stringify(require('shared')));\n",
    'apps/web/server.js': server("'web uses ' + require('./built.json')"),
  },
};

const python: Sample = {
  files: {
    'requirements.txt': '',
    Procfile: 'worker: python nothing.py\nweb: python server.py $PORT\n',
    'server.py': `import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"python uid {os.getuid()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
`,
  },
};

const page: Sample = { files: { 'index.html': '<h1>page</h1>', 'style.css': 'h1 { color: red }' } };

export const SAMPLES = { express, vite, next, workspace, python, page };
