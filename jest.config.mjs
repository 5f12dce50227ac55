// Everything is transformed to CommonJS: Nest 12 and Fastify's plugins mix ESM and CJS in a way that Jest's ESM mode cannot load on Node 20.
const swc = (parser) => [
  '@swc/jest',
  {
    jsc: { parser, transform: { legacyDecorator: true, decoratorMetadata: true }, target: 'es2022', keepClassNames: true },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
  },
];
const base = {
  testEnvironment: 'node',
  moduleNameMapper: {
    '^#(contracts|platform|drivers|workflows|features)/(.*)\\.js$': '<rootDir>/libs/$1/$2.ts',
    '^(\\.{1,2}/.*)\\.js$': ['$1.js', '$1'],
  },
  transform: {
    '^.+\\.ts$': swc({ syntax: 'typescript', decorators: true }),
    '^.+\\.m?js$': swc({ syntax: 'ecmascript' }),
  },
  transformIgnorePatterns: [],
};
const project = (displayName, testMatch, extra = {}) => ({ ...base, displayName, testMatch, ...extra });

/** Sizes are those of docs/testing.md: small needs nothing, medium needs PostgreSQL and Redis, real and e2e need Docker, git and Caddy too. */
/** @type {import('jest').Config} */
export default {
  // A first run on a slow machine compiles every dependency inside a test's own time: this is for what hangs, not for what is slow.
  testTimeout: 90_000,
  projects: [
    project('small', ['<rootDir>/{apps,libs,test}/**/*.spec.ts']),
    project('medium', ['<rootDir>/{apps,libs,test}/**/*.medium.ts']),
    project('real', ['<rootDir>/{apps,libs,test}/**/*.real.ts']),
    project('e2e', ['<rootDir>/test/e2e/**/*.e2e.ts']),
    project('chaos', ['<rootDir>/test/e2e/**/*.chaos.ts']),
  ],
};
