/**
 * Events of deployments. Here and not with deployments, because deleting a service ends deployments too. One statement, which reads what it
 * tells: this is part of every step of every deployment.
 */
import type { EventType } from '#contracts/events.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';

type What = 'created' | 'building' | 'running' | 'failed' | 'cancelled' | 'superseded';

/** Of texts that are not bounded where they are written; see recordEvent. */
const LONGEST_TEXT = 4000;

const DATA = Prisma.sql`jsonb_build_object(
  'deployment', jsonb_build_object(
    'id', d.id, 'service_id', d.service_id, 'status', d.status, 'trigger', d.trigger, 'branch', d.branch, 'commit_hash', d.commit_hash,
    'commit_message', d.commit_message, 'image_name', d.image_name, 'image_tag', d.image_tag, 'rollback_of', d.rollback_of,
    'error', left(d.error, ${LONGEST_TEXT}), 'error_code', d.error_code,
    'created_at', d.created_at, 'started_at', d.started_at, 'completed_at', d.completed_at),
  'service', jsonb_build_object('id', s.id, 'name', s.name, 'type', s.type))`;

/** Call after the change, in its transaction, with the deployments that it has really changed. */
export async function recordDeploymentEvents(tx: Tx, ids: string[], what: What): Promise<void> {
  if (ids.length === 0) return;
  const type: EventType = `deployment.${what}`;
  await tx.$executeRaw`
    INSERT INTO events (id, project_id, type, data)
    SELECT gen_random_uuid(), s.project_id, ${type}, ${DATA}
    FROM deployments d JOIN services s ON s.id = d.service_id WHERE d.id = ANY(${ids}::uuid[])`;
}
