/** What becomes of each ref of a push. Pure. */
import type { PushCommand } from '#drivers/source/http-backend-hook-server.js';

export type RefPlan =
  | { ref: string; action: 'deploy'; branch: string; commit: string }
  | { ref: string; action: 'store' | 'delete'; branch: string };

const BRANCH = 'refs/heads/';
const NOTHING = /^0+$/;

export function planPush(commands: PushCommand[], deployBranch: string): RefPlan[] {
  return commands.map(({ ref, new: commit }) => {
    const branch = ref.startsWith(BRANCH) ? ref.slice(BRANCH.length) : ref;
    if (NOTHING.test(commit)) return { ref, action: 'delete', branch };
    if (ref !== `${BRANCH}${deployBranch}`) return { ref, action: 'store', branch };
    return { ref, action: 'deploy', branch, commit };
  });
}

/**
 * The branch that is deployed: the service's, else main, else master while there is no main. The same order in which a deployment
 * without a branch looks for its source.
 */
export function deployBranch(configured: string | undefined, commands: PushCommand[], mainExists: boolean): string {
  if (configured) return configured;
  const pushed = (branch: string) =>
    commands.some((command) => command.ref === `${BRANCH}${branch}` && !NOTHING.test(command.new));
  if (pushed('main')) return 'main';
  return pushed('master') && !mainExists ? 'master' : 'main';
}
