// Programs from Debian packages: installed when we may, else listed all at once with the way to get each.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SetupError, say } from './log.mjs';
import { findCommand, must, run } from './run.mjs';

/** Command -> Debian package, and how to do without it. */
export const PROGRAMS = {
  git: { package: 'git' },
  'redis-server': { package: 'redis-server', instead: 'set REDIS_URL to a Redis of your own' },
  caddy: { package: 'caddy' },
  zstd: { package: 'zstd' },
  dockerd: { package: 'docker.io', instead: 'set DOCKER_HOST to a Docker Engine of your own' },
  'docker-registry': { package: 'docker-registry' },
  debootstrap: { package: 'debootstrap', instead: 'load the base images yourself (docker pull)' },
};

/** True for Debian and what descends from it. @param {string} osRelease content of /etc/os-release */
export function isDebianLike(osRelease) {
  const field = (name) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
  return [field('ID'), ...field('ID_LIKE').split(' ')].includes('debian');
}

const onDebian = () =>
  existsSync('/etc/os-release') &&
  isDebianLike(readFileSync('/etc/os-release', 'utf8')) &&
  findCommand('apt-get') !== null;

/** What a person has to do, everything in one message. @param {string[]} missing keys of PROGRAMS */
export function missingMessage(missing, { root, debian }) {
  const packages = missing.map((name) => PROGRAMS[name].package).join(' ');
  const why = root ? 'this is not Debian' : 'only root may install packages';
  const line = (name) => {
    const { package: pkg, instead } = PROGRAMS[name];
    return `  - ${name} (Debian package ${pkg})${instead ? `, or ${instead}` : ''}`;
  };
  return [
    `Missing programs, and ${why}:`,
    ...missing.map(line),
    debian
      ? `Get them all: sudo apt-get install -y ${packages}`
      : 'Install them with your package manager, then start again.',
  ];
}

const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_TEXT = '#!/bin/sh\n# containr set-up: services stay down while packages install\nexit 101\n';

/** Packages would else start their service at once, on the port that somebody may need (invoke-rc.d(8), policy-rc.d). */
async function withServicesDown(install) {
  const ours = !existsSync(POLICY) || readFileSync(POLICY, 'utf8') === POLICY_TEXT;
  if (ours) writeFileSync(POLICY, POLICY_TEXT, { mode: 0o755 });
  try {
    await install();
  } finally {
    if (ours) rmSync(POLICY, { force: true });
  }
}

async function aptInstall(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'];
  const install = () => run('apt-get', ['install', ...options, ...packages], { env });
  if ((await install()).code === 0) return;
  // Package lists may be absent or too old on a fresh machine.
  await must('apt-get', ['update', '-o', 'DPkg::Lock::Timeout=300'], { env });
  await must('apt-get', ['install', ...options, ...packages], { env });
}

/** We run Redis and Caddy ourselves, from the data folder: the package's own unit must not take their ports at the next boot. */
async function disableUnits(packages) {
  if (!existsSync('/run/systemd/system')) return;
  const units = packages.filter((name) => ['redis-server', 'caddy', 'docker-registry'].includes(name));
  if (units.length) await must('systemctl', ['disable', ...units]);
}

/** docker.io only recommends the parser that it cannot do without on a kernel with AppArmor. */
const extraPackages = (packages) =>
  packages.includes('docker.io') && existsSync('/sys/module/apparmor') && !findCommand('apparmor_parser')
    ? ['apparmor']
    : [];

const absent = (names) => names.filter((name) => findCommand(name) === null);

/** What a person must install, null when nothing is missing or it can be installed from here. @returns {string[] | null} */
export function missingCommands(names) {
  const missing = absent(names);
  const root = process.getuid() === 0;
  const debian = onDebian();
  return missing.length === 0 || (root && debian) ? null : missingMessage(missing, { root, debian });
}

/**
 * Makes commands available.
 * @param {string[]} names keys of PROGRAMS
 * @throws SetupError that lists everything missing when it cannot be installed from here
 */
export async function ensureCommands(names) {
  const problem = missingCommands(names);
  if (problem) throw new SetupError(problem);
  const missing = absent(names);
  if (missing.length === 0) return;
  const packages = missing.map((name) => PROGRAMS[name].package);
  say(`Installing ${packages.join(', ')} ...`);
  await withServicesDown(() => aptInstall([...packages, ...extraPackages(packages)]));
  await disableUnits(packages);
}
