// debian:bookworm-slim from nothing but Debian packages: debootstrap, security updates, then slimmed as upstream's image is.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SetupError } from '../setup/lib/log.mjs';
import { findCommand, must, run } from '../setup/lib/run.mjs';
import { DEBIAN, debianSources, SUITE, sourcesFile } from './recipes.mjs';

/** Debian's mirrors: what the operator says, else those this machine uses. @throws SetupError when neither is known */
async function findSources() {
  const mirror = process.env.CONTAINR_DEBIAN_MIRROR?.replace(/\/$/, '');
  if (mirror) return [{ uri: mirror, suite: SUITE, components: ['main'] }];
  const format = '$(REPO_URI) $(CODENAME) $(COMPONENT)';
  const targets = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const sources = debianSources(targets.stdout);
  if (sources.some((one) => one.suite === SUITE)) return sources;
  throw new SetupError(
    `This machine has no package source for Debian ${SUITE}. Set CONTAINR_DEBIAN_MIRROR to one (http://HOST/debian).`,
  );
}

// The same habits as upstream's image: no docs, no caches, no service started by a package, no recommendation pulled in silently.
const FILES = {
  'usr/sbin/policy-rc.d': ['#!/bin/sh', 'exit 101'],
  'etc/dpkg/dpkg.cfg.d/docker': ['force-unsafe-io'],
  'etc/dpkg/dpkg.cfg.d/docker-slim': [
    'path-exclude /usr/share/doc/*',
    'path-include /usr/share/doc/*/copyright',
    'path-exclude /usr/share/info/*',
    'path-exclude /usr/share/man/*',
    'path-exclude /usr/share/locale/*',
  ],
  'etc/apt/apt.conf.d/docker-clean': [
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };',
    'APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };',
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
  ],
  'etc/apt/apt.conf.d/docker-no-languages': ['Acquire::Languages "none";'],
  'etc/apt/apt.conf.d/docker-gzip-indexes': ['Acquire::GzipIndexes "true";'],
  'etc/apt/apt.conf.d/docker-autoremove-suggests': ['Apt::AutoRemove::SuggestsImportant "false";'],
};

function configure(root, sources) {
  for (const [name, lines] of Object.entries(FILES)) writeFileSync(path.join(root, name), `${lines.join('\n')}\n`);
  chmodSync(path.join(root, 'usr/sbin/policy-rc.d'), 0o755);
  rmSync(path.join(root, 'etc/apt/sources.list'), { force: true });
  mkdirSync(path.join(root, 'etc/apt/sources.list.d'), { recursive: true });
  writeFileSync(path.join(root, 'etc/apt/sources.list.d/debian.sources'), sourcesFile(sources));
}

const emptyDir = (dir) => {
  for (const name of readdirSync(dir)) rmSync(path.join(dir, name), { recursive: true, force: true });
};

function slim(root) {
  for (const name of ['var/lib/apt/lists', 'var/cache/apt', 'var/log', 'usr/share/man', 'usr/share/info', 'tmp', 'run'])
    emptyDir(path.join(root, name));
  const docs = path.join(root, 'usr/share/doc');
  for (const name of readdirSync(docs))
    for (const file of readdirSync(path.join(docs, name)))
      if (file !== 'copyright') rmSync(path.join(docs, name, file), { recursive: true, force: true });
  emptyDir(path.join(root, 'usr/share/locale'));
  // Every container would else share this machine's identity and name servers; Docker provides both files itself.
  for (const name of ['etc/machine-id', 'etc/hostname', 'etc/resolv.conf']) writeFileSync(path.join(root, name), '');
}

const inRoot = (root, ...argv) => {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  return must(findCommand('chroot'), [root, ...argv], { env });
};

/**
 * @param {string} root an empty folder that becomes the image's file system
 * @param {string} arch Debian's word for the architecture
 */
export async function makeDebianRoot(root, arch) {
  const sources = await findSources();
  const { uri } = sources.find((one) => one.suite === SUITE);
  await must(findCommand('debootstrap'), ['--variant=minbase', `--arch=${arch}`, SUITE, root, uri]);
  configure(root, sources);
  await inRoot(root, 'apt-get', 'update');
  await inRoot(root, 'apt-get', '-y', 'dist-upgrade');
  slim(root);
}

/** @param {import('../setup/lib/engine.mjs').Engine} engine @param {string} label label of the image, `key=value` */
export async function importRoot(engine, root, label) {
  const [repo, tag] = DEBIAN.split(':');
  const changes = ['CMD ["bash"]', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
  changes.push(`LABEL ${label}`);
  const tar = spawn('tar', ['--numeric-owner', '--one-file-system', '-C', root, '-c', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => tar.once('close', resolve));
  await engine.stream('POST', '/images/create', {
    params: { fromSrc: '-', repo, tag, changes },
    body: tar.stdout,
    timeout: 0,
  });
  if ((await ended) !== 0) throw new SetupError('tar could not read the new root file system');
}
