// A Docker Engine: the one that DOCKER_HOST names, the one at the default socket, else one that we start.
import { existsSync } from 'node:fs';
import { ensureCommands } from './apt.mjs';
import { DEFAULT_SOCKET, Engine } from './engine.mjs';
import { SetupError } from './log.mjs';
import { must } from './run.mjs';
import { SharedDockerd } from './shared-dockerd.mjs';
import { until } from './wait.mjs';

const nothingToDo = async () => {};
const isRoot = () => process.getuid() === 0;
const hasSystemd = () => existsSync('/run/systemd/system');

async function requireEngine(dockerHost) {
  const why = await new Engine(dockerHost).whyNot();
  if (why !== null) throw new SetupError(`DOCKER_HOST=${dockerHost} does not answer: ${why}`);
  return { dockerHost, release: nothingToDo };
}

const HOW = [
  '  - start it (sudo systemctl start docker), or',
  '  - let your user use it (sudo adduser $USER docker, then log in again), or',
  '  - set DOCKER_HOST to an engine that you may use, or start Containr as root.',
];

/** Why there is no engine and what to do, null when one answers or we can start one. @returns {Promise<string[] | null>} */
export async function dockerProblem(env = process.env) {
  const dockerHost = env.DOCKER_HOST || DEFAULT_SOCKET;
  const why = await new Engine(dockerHost).whyNot();
  if (why === null || (isRoot() && !env.DOCKER_HOST)) return null;
  return [`No Docker Engine answers at ${dockerHost}: ${why}`, ...HOW];
}

/** True when dockerd has to be here for us to start. */
export const needsDockerd = async (env = process.env) =>
  isRoot() && !env.DOCKER_HOST && !(await new Engine(DEFAULT_SOCKET).answers());

/** On a machine with systemd the package's own unit is the right way, and then Docker is the machine's and not ours to stop. */
async function startUnit() {
  await must('systemctl', ['start', 'docker']);
  const engine = new Engine(DEFAULT_SOCKET);
  await until(() => engine.answers(), { what: 'docker.service', within: 60_000, every: 100 });
}

/**
 * Makes an engine answer.
 * @returns {Promise<{ dockerHost: string, ours?: boolean, release: () => Promise<void> }>} ours: we (all installations here) have started it;
 *   release: to be called when we stop
 */
export async function ensureDocker(env = process.env) {
  if (env.DOCKER_HOST) return await requireEngine(env.DOCKER_HOST);
  const answers = await new Engine(DEFAULT_SOCKET).answers();
  if (!isRoot()) return await requireEngine(DEFAULT_SOCKET);
  const shared = new SharedDockerd();
  if (answers && !shared.isOurs()) return { dockerHost: DEFAULT_SOCKET, release: nothingToDo };
  await ensureCommands(['dockerd']);
  if (!answers && hasSystemd()) {
    await startUnit();
    return { dockerHost: DEFAULT_SOCKET, release: nothingToDo };
  }
  await shared.use();
  return { dockerHost: DEFAULT_SOCKET, ours: true, release: () => shared.release() };
}
