/** Whether there is anything for us in an event, said at once: senders switch hooks off that answer with errors, so this is never one. Pure. */
import type { GitEvent, RefChange } from './git-event.js';
import { concerns, type HookedService } from './hooked-services.js';
import type { PullRequestHandler } from './pull-requests.js';
import { isNamed } from './repository-key.js';

/** The reason why it is not for us; null when work follows. @param repository key of the hook's repository */
export function notForUs(
  event: GitEvent,
  repository: string,
  services: HookedService[],
  pulls: PullRequestHandler,
): string | null {
  if (event.kind === 'ping') return 'pong: the hook works';
  if (event.kind === 'other') return `not for us: events of the kind "${event.name}" are not used`;
  if (!isNamed(repository, event.repository))
    return `not for us: this hook is for ${repository}, the delivery is about ${event.repository}`;
  if (services.length === 0) return 'not for us: no service is built from this repository';
  if (event.kind === 'push') return notDeployed(event.changes, services);
  return pulls.wanting(services).length > 0 ? null : 'not for us: previews are off';
}

function notDeployed(changes: RefChange[], services: HookedService[]): string | null {
  if (changes.length === 0) return 'not for us: no branch or tag has changed';
  const made = changes.filter(({ after }) => after !== null);
  if (made.length === 0) return 'not for us: a deleted branch or tag is not deployed';
  if (made.some((change) => services.some((service) => concerns(change, service)))) return null;
  const refs = made.slice(0, 5).map(({ ref }) => ref.replace(/^refs\/(heads|tags)\//, ''));
  return `not for us: no service deploys ${refs.join(', ')} by itself`;
}
