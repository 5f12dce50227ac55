// The boundaries of docs/architecture.md: imports go one way, features meet only at their index, vendors stay behind ports.
const TESTS = '(\\.spec|\\.medium|\\.real|\\.e2e)\\.ts$|/conformance\\.ts$|/testing/';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: { pathNot: 'generated' }, to: { circular: true } },
    { name: 'contracts-import-only-zod', severity: 'error', from: { path: '^libs/contracts/' }, to: { pathNot: '^libs/contracts/|^node_modules/zod/' } },
    { name: 'platform-knows-nobody', severity: 'error', from: { path: '^libs/platform/', pathNot: TESTS }, to: { path: '^(apps|libs/(drivers|workflows|features))/' } },
    { name: 'drivers-know-only-platform', severity: 'error', from: { path: '^libs/drivers/', pathNot: TESTS }, to: { path: '^(apps|libs/(workflows|features))/' } },
    { name: 'workflows-know-no-feature', severity: 'error', from: { path: '^libs/workflows/', pathNot: TESTS }, to: { path: '^(apps|libs/(drivers|features))/' } },
    { name: 'features-know-no-app', severity: 'error', from: { path: '^libs/features/', pathNot: TESTS }, to: { path: '^apps/' } },
    { name: 'apps-know-not-each-other', severity: 'error', from: { path: '^apps/([^/]+)/' }, to: { path: '^apps/', pathNot: '^apps/$1/' } },
    {
      name: 'features-meet-at-the-index',
      severity: 'error',
      from: { path: '^libs/features/([^/]+)/', pathNot: TESTS },
      to: { path: '^libs/features/', pathNot: '^libs/features/($1/|[^/]+/index\\.ts$)' },
    },
    { name: 'apps-use-the-index-of-a-feature', severity: 'error', from: { path: '^apps/', pathNot: TESTS }, to: { path: '^libs/features/[^/]+/(?!index\\.ts$)' } },
    { name: 'fakes-are-for-tests', severity: 'error', from: { path: '^(apps|libs)/', pathNot: `${TESTS}|/fake[^/]*\\.ts$` }, to: { path: '/fake[^/]*\\.ts$' } },
    { name: 'database-behind-prisma', severity: 'error', from: { path: '^(apps|libs)/', pathNot: `^libs/platform/prisma/|${TESTS}` }, to: { path: '^node_modules/(@prisma|pg)/' } },
    { name: 'docker-behind-drivers', severity: 'error', from: { pathNot: '^libs/drivers/(runtime|builder)/' }, to: { path: '^node_modules/dockerode/' } },
    { name: 'git-behind-drivers', severity: 'error', from: { pathNot: '^libs/drivers/source/' }, to: { path: '^node_modules/simple-git/' } },
    { name: 'proxmox-behind-drivers', severity: 'error', from: { pathNot: '^libs/drivers/machines/' }, to: { path: '^node_modules/proxmox-api/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'prisma/generated|^dist|^test/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['development', 'import', 'node', 'default', 'types'] },
  },
};
