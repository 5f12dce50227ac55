// Everything the platform needs on this machine: looked for first, told all at once when it cannot be had, then installed.
import { ensureCommands, missingCommands } from './apt.mjs';
import { dockerProblem, needsDockerd } from './docker.mjs';
import { SetupError } from './log.mjs';
import { ensureBuild, ensurePackages, requireNode } from './packages.mjs';

/** The programs that this environment asks for. @returns {Promise<string[]>} keys of PROGRAMS */
async function programs(env) {
  const names = ['git', 'caddy', 'zstd'];
  if (!env.REDIS_URL) names.push('redis-server');
  if (await needsDockerd(env)) names.push('dockerd');
  return names;
}

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @param {{ build?: boolean }} [options] build: compile the platform too
 * @throws SetupError with everything that is missing
 */
export async function ensureMachine(env = process.env, { build = true } = {}) {
  requireNode();
  const names = await programs(env);
  const problems = [missingCommands(names), await dockerProblem(env)].filter(Boolean).flat();
  if (problems.length) throw new SetupError(problems);
  await ensureCommands(names);
  await ensurePackages();
  if (build) await ensureBuild();
}
