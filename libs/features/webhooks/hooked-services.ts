/** Which services a hook is for. */
import type { ServiceSource } from '#contracts/service-source.js';
import type { TriggerSettings } from '#contracts/service-triggers.js';
import { triggersOf } from '#features/services/index.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';
import { tagFits } from './filters.js';
import type { RefChange } from './git-event.js';
import { repositoryKey } from './repository-key.js';

/** What automatic deployments need to know of a service. */
export interface HookedService {
  id: string;
  projectId: string;
  ownerId: string;
  /** URL of the repository. */
  url: string;
  /** Null: the default branch. */
  branch: string | null;
  /** The connected provider whose token reads the repository. */
  providerId: string | null;
  stopped: boolean;
  liveDeploymentId: string | null;
  triggers: TriggerSettings;
  settings: Prisma.JsonValue;
}

interface Row {
  id: string;
  project_id: string;
  owner_id: string;
  source: ServiceSource;
  desired_state: string;
  live_deployment_id: string | null;
  triggers: unknown;
  settings: Prisma.JsonValue;
}

const COLUMNS = Prisma.sql`s.id, s.project_id, p.owner_id, s.source, s.desired_state, s.live_deployment_id, s.triggers, s.settings`;
const FROM = Prisma.sql`FROM services s JOIN projects p ON p.id = s.project_id
  WHERE s.deleted_at IS NULL AND s.source->>'repository' IS NOT NULL`;

/** Of a hook made at a provider: whoever uses that provider; of one pasted by hand: the services of its project. */
export async function servicesOf(
  db: Tx,
  hook: { projectId: string | null; providerId: string | null; repository: string },
): Promise<HookedService[]> {
  const scope = hook.providerId
    ? Prisma.sql`s.source->>'provider_id' = ${hook.providerId}`
    : Prisma.sql`s.project_id = ${hook.projectId}::uuid`;
  const rows = await db.$queryRaw<Row[]>`SELECT ${COLUMNS} ${FROM} AND ${scope} ORDER BY s.created_at, s.id`;
  return rows.map(hooked).filter(({ url }) => repositoryKey(url) === hook.repository);
}

export async function servicesById(db: Tx, ids: string[]): Promise<HookedService[]> {
  const rows = await db.$queryRaw<Row[]>`SELECT ${COLUMNS} ${FROM} AND s.id = ANY(${ids}::uuid[])`;
  return rows.map(hooked);
}

function hooked(row: Row): HookedService {
  return {
    id: row.id,
    projectId: row.project_id,
    ownerId: row.owner_id,
    url: row.source.repository ?? '',
    branch: row.source.branch ?? null,
    providerId: row.source.provider_id ?? null,
    stopped: row.desired_state === 'stopped',
    liveDeploymentId: row.live_deployment_id,
    triggers: triggersOf(row.triggers),
    settings: row.settings,
  };
}

const HEADS = 'refs/heads/';
const TAGS = 'refs/tags/';

export const branchOf = (ref: string) => (ref.startsWith(HEADS) ? ref.slice(HEADS.length) : null);
export const tagOf = (ref: string) => (ref.startsWith(TAGS) ? ref.slice(TAGS.length) : null);

/** Whether the change may concern the service. A service without a branch has the default one, which only the remote knows. */
export function concerns({ ref }: Pick<RefChange, 'ref'>, { branch, triggers }: HookedService): boolean {
  const [pushed, tag] = [branchOf(ref), tagOf(ref)];
  if (pushed !== null) return triggers.auto_deploy && (branch === null || branch === pushed);
  return tag !== null && triggers.deploy_tags !== null && tagFits(triggers.deploy_tags, tag);
}
