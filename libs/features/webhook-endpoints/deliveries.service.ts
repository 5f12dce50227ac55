/** The delivery log of an endpoint, tests and replays. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { TEST_EVENT } from '#contracts/events.js';
import type { WebhookDeliveryDetail, WebhookDeliveryQuery, WebhookDeliveryView } from '#contracts/webhook-endpoints.js';
import { recordAudit } from '#features/audit/index.js';
import { afterCursor, type Caller, notFound } from '#platform/http/index.js';
import { pageOf } from '#platform/keyset.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { about, requireEndpoint } from './webhook-endpoints.service.js';
import { type DeliveryRow, deliveryDetail, deliveryView } from './webhook-endpoints.view.js';

const include = { event: true };

@Injectable()
export class DeliveriesService {
  constructor(private readonly db: PrismaService) {}

  /** Newest first, by keyset: any page costs the same. */
  async list(caller: Caller, projectId: string, endpointId: string, { status, cursor, limit }: WebhookDeliveryQuery) {
    await requireEndpoint(this.db, caller, projectId, endpointId);
    const rows = await this.db.eventDelivery.findMany({
      where: { endpointId, ...(status ? { status } : {}), ...afterCursor(cursor) },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: limit + 1,
      include,
    });
    const { page, next } = pageOf(rows, limit);
    return { deliveries: page.map(deliveryView), next_cursor: next };
  }

  /** @throws NotFound `delivery_not_found`. */
  async get(caller: Caller, projectId: string, endpointId: string, id: string): Promise<WebhookDeliveryDetail> {
    await requireEndpoint(this.db, caller, projectId, endpointId);
    return deliveryDetail(await this.require(this.db, endpointId, id));
  }

  /** The same event once more, now, whatever the state of the endpoint. @throws NotFound `delivery_not_found`. */
  replay(caller: Caller, projectId: string, endpointId: string, id: string): Promise<WebhookDeliveryView> {
    return this.byHand(caller, projectId, endpointId, 'replay', async (tx) => {
      const { eventId } = await this.require(tx, endpointId, id);
      return { eventId, replayOf: id };
    });
  }

  /** An event that only this endpoint gets, now, whatever its state. */
  test(caller: Caller, projectId: string, endpointId: string): Promise<WebhookDeliveryView> {
    return this.byHand(caller, projectId, endpointId, 'test', async (tx) => {
      const data = { message: 'This is a test of a webhook.', webhook_id: endpointId };
      const dispatchedAt = await databaseTime(tx);
      const event = { id: randomUUID(), projectId, type: TEST_EVENT, data, dispatchedAt };
      await tx.platformEvent.create({ data: event });
      return { eventId: event.id };
    });
  }

  private async byHand(
    caller: Caller,
    projectId: string,
    endpointId: string,
    action: string,
    prepare: (tx: Tx) => Promise<{ eventId: string; replayOf?: string }>,
  ): Promise<WebhookDeliveryView> {
    const row = await this.db.$transaction(async (tx) => {
      const endpoint = await requireEndpoint(tx, caller, projectId, endpointId);
      const data = { id: randomUUID(), endpointId, manual: true, ...(await prepare(tx)) };
      const created = await tx.eventDelivery.create({ data, include });
      await recordAudit(tx, caller, { ...about(endpoint, action), after: { delivery_id: created.id } });
      return created;
    });
    return deliveryView(row);
  }

  private async require(tx: Tx, endpointId: string, id: string): Promise<DeliveryRow> {
    const row = await tx.eventDelivery.findFirst({ where: { id, endpointId }, include });
    if (!row) throw notFound('delivery');
    return row;
  }
}
