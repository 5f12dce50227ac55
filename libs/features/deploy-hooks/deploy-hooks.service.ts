/** Deploy hooks: made, rotated and revoked by people of the project; called by whoever has the secret. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { DeployHookRequest, DeployHookView } from '#contracts/deploy-hooks.js';
import type { ServiceSource } from '#contracts/service-source.js';
import type { RotationRequest } from '#contracts/webhooks.js';
import { recordAudit } from '#features/audit/index.js';
import { type AutomaticDeployment, type DeploymentRow, DeploymentsService } from '#features/deployments/index.js';
import { requireService } from '#features/services/index.js';
import { CONFIG, type Config, publicUrl } from '#platform/config.js';
import { Invalid, Unauthenticated } from '#platform/errors.js';
import { type Caller, notFound, type Origin } from '#platform/http/index.js';
import { databaseTime, type Prisma, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { newSecret, secretHash } from '#platform/shown-once.js';

type Row = Prisma.DeployHookGetPayload<object>;

const HOUR_MS = 3_600_000;
const PREFIX = 'cdh_';

@Injectable()
export class DeployHooksService {
  constructor(
    private readonly db: PrismaService,
    private readonly deployments: DeploymentsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws NotFound `deploy_hook_not_found`. */
  async get(caller: Caller, serviceId: string): Promise<DeployHookView> {
    await requireService(this.db, caller, serviceId);
    return this.view(await requireHook(this.db, serviceId));
  }

  /** A new secret, which is shown only now; the first time also the hook itself. */
  async rotate(
    caller: Caller,
    serviceId: string,
    request: RotationRequest,
  ): Promise<DeployHookView & { secret: string }> {
    const { secret, hash } = newSecret(PREFIX);
    const row = await this.db.$transaction(async (tx) => {
      const { projectId } = await requireService(tx, caller, serviceId);
      const before = await tx.deployHook.findUnique({ where: { serviceId } });
      const now = await databaseTime(tx);
      const hours = request?.previous_valid_hours ?? 24;
      const previous =
        before && hours > 0 ? { hash: before.secretHash, until: new Date(now.getTime() + hours * HOUR_MS) } : null;
      const columns = {
        secretHash: hash,
        previousHash: previous?.hash ?? null,
        previousUntil: previous?.until ?? null,
        rotatedAt: now,
      };
      const after = await tx.deployHook.upsert({
        where: { serviceId },
        create: { id: randomUUID(), serviceId, ...columns },
        update: columns,
      });
      const action = before ? 'rotate' : 'create';
      const facts = { service_id: serviceId, previous_secret_until: after.previousUntil };
      await recordAudit(tx, caller, { resource: 'deploy_hook', resourceId: after.id, action, projectId, after: facts });
      return after;
    });
    return { ...this.view(row), secret };
  }

  /** @throws NotFound `deploy_hook_not_found`. */
  async remove(caller: Caller, serviceId: string): Promise<void> {
    await this.db.$transaction(async (tx) => {
      const { projectId } = await requireService(tx, caller, serviceId);
      const { id } = await requireHook(tx, serviceId);
      await tx.deployHook.delete({ where: { id } });
      const entry = {
        resource: 'deploy_hook',
        resourceId: id,
        action: 'delete',
        projectId,
        after: { service_id: serviceId },
      };
      await recordAudit(tx, caller, entry);
    });
  }

  /**
   * @throws NotFound `deploy_hook_not_found` when there is none, its service is gone, or the secret is wrong: a stranger learns nothing;
   *   Unauthenticated `secret_missing`; Invalid `image_not_allowed`, `commit_not_allowed`; Capacity `disk_low`.
   */
  async deploy(id: string, secret: string | null, request: DeployHookRequest, origin: Origin): Promise<DeploymentRow> {
    if (!secret) {
      const how =
        'Send the secret of the deploy hook as Authorization: Bearer <secret>, or as X-Containr-Deploy-Secret.';
      throw new Unauthenticated('secret_missing', how);
    }
    const { serviceId, ownerId } = await this.requireProven(id, secret);
    const deployment = await this.deployments.automatic({ id: serviceId, ownerId }, origin, async (tx, service) => {
      await tx.$executeRaw`UPDATE deploy_hooks SET last_used_at = clock_timestamp() WHERE id = ${id}::uuid`;
      return { ...wanted(service.source as ServiceSource, request), cause: { deploy_hook_id: id } };
    });
    return deployment as DeploymentRow;
  }

  private async requireProven(id: string, secret: string): Promise<{ serviceId: string; ownerId: string }> {
    const hash = secretHash(secret);
    const [row] = await this.db.$queryRaw<{ serviceId: string; ownerId: string }[]>`
      SELECT s.id AS "serviceId", p.owner_id AS "ownerId" FROM deploy_hooks h
      JOIN services s ON s.id = h.service_id JOIN projects p ON p.id = s.project_id
      WHERE h.id = ${id}::uuid AND s.deleted_at IS NULL AND p.deleted_at IS NULL
        AND (h.secret_hash = ${hash} OR (h.previous_hash = ${hash} AND h.previous_until > clock_timestamp()))`;
    if (row) return row;
    throw notFound('deploy hook');
  }

  private view(row: Row): DeployHookView {
    return {
      id: row.id,
      url: `${publicUrl(this.config)}/api/v1/deploy-hooks/${row.id}`,
      created_at: row.createdAt.toISOString(),
      rotated_at: row.rotatedAt.toISOString(),
      previous_secret_until: row.previousUntil?.toISOString() ?? null,
      last_used_at: row.lastUsedAt?.toISOString() ?? null,
    };
  }
}

async function requireHook(db: Tx, serviceId: string): Promise<Row> {
  const row = await db.deployHook.findUnique({ where: { serviceId } });
  if (!row) throw notFound('deploy hook');
  return row;
}

/** Without tag and digest: `registry:5000/team/app:v1@sha256:..` -> `registry:5000/team/app`. */
function repositoryOf(image: string): string {
  const [named = ''] = image.split('@');
  const colon = named.lastIndexOf(':');
  return colon > named.lastIndexOf('/') ? named.slice(0, colon) : named;
}

/** A secret in some CI must not be able to run just any image in the project. @throws Invalid */
export function wanted(source: ServiceSource, request: DeployHookRequest): Omit<AutomaticDeployment, 'cause'> {
  const { image, commit = null, branch = null } = request;
  if (source.type === 'image') {
    if (commit || branch)
      throw new Invalid('commit_not_allowed', 'This service runs an image: send `image`, not `commit` or `branch`.');
    if (image && repositoryOf(image) !== repositoryOf(source.image ?? ''))
      throw new Invalid(
        'image_not_allowed',
        `A deploy hook changes only tag or digest: send an image of ${repositoryOf(source.image ?? '')}.`,
      );
    return { branch: null, commit: null, ...(image ? { image } : {}) };
  }
  if (image)
    throw new Invalid('image_not_allowed', 'This service is built from git: send `commit` or `branch`, not `image`.');
  return { branch: branch ?? source.branch ?? null, commit };
}
