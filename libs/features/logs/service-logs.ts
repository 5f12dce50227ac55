/** The output of a service: of releases that are gone, of its live release, and of each that follows while somebody watches. */
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { serviceLogs, serviceLogsQuery } from '#contracts/deployments.js';
import { serviceTopic } from '#features/releases/index.js';
import { requireService, type ServiceRow } from '#features/services/index.js';
import type { Caller, EventSource } from '#platform/http/index.js';
import { GAP_FRAME } from '#platform/http/sse-frames.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { ArchivedLogs, NO_PAST, type Past } from './archived-logs.js';
import { type LogContainer, LogContainers } from './containers.js';
import { parseCursor, runtimeEntry } from './frames.js';
import { filterOf, type LineFilter, openUntil } from './line-filter.js';
import { type Begin, capped, RuntimeLogs, tailOf, wantedOf } from './runtime-logs.js';
import { Streams } from './streams.js';

type Query = z.output<typeof serviceLogsQuery>;

@Injectable()
export class ServiceLogs {
  constructor(
    private readonly db: PrismaService,
    private readonly containers: LogContainers,
    private readonly runtime: RuntimeLogs,
    private readonly archived: ArchivedLogs,
  ) {}

  /** @throws Unavailable `runtime_unavailable` */
  async read(caller: Caller, id: string, query: Query): Promise<z.output<typeof serviceLogs>> {
    const service = await requireService(this.db, caller, id);
    const [filter, tail] = [filterOf(query), tailOf(query.tail)];
    const containers = await this.containers.ofService(id);
    const past = await this.archived.ofService(id, filter, capped(tail));
    const { lines, partial } = await this.runtime.last(containers, tail, filter, past);
    return {
      logs: lines.map(runtimeEntry),
      ...(containers.length === 0 ? { message: this.whyNone(service) } : {}),
      ...(partial ? { partial } : {}),
    };
  }

  /** Checks first, so that what can be refused is refused with a status. @throws Unavailable `runtime_unavailable` */
  async follow(caller: Caller, id: string, query: Query, lastEventId: string | undefined): Promise<EventSource> {
    await requireService(this.db, caller, id);
    await this.containers.ofService(id);
    const cursor = parseCursor(lastEventId);
    const begin: Begin = cursor && 'container' in cursor ? { after: cursor } : { tail: tailOf(query.tail) };
    const filter = filterOf(query);
    return (signal) => this.stream(id, begin, filter, signal);
  }

  private async *stream(id: string, begin: Begin, filter: LineFilter, signal: AbortSignal): AsyncGenerator<string> {
    const find = () => this.containers.ofService(id);
    const streams = new Streams<string | LogContainer[]>();
    streams.add(this.runtime.appearing(find, serviceTopic(id), openUntil(filter, signal)));
    let past: Past | null = await this.archived.ofService(id, ...wantedOf(begin, filter));
    let from = begin;
    for await (const item of streams) {
      if (typeof item === 'string') yield item;
      else {
        streams.add(this.runtime.follow(item, from, signal, filter, past ?? NO_PAST));
        past = null;
        // What appears from now on is new to the client from its first line.
        if ('tail' in begin && item.length > 0) from = { tail: 'all' };
      }
      if (item === GAP_FRAME) return;
    }
  }

  private whyNone({ status, desiredState, liveDeploymentId }: ServiceRow): string {
    if (status === 'building') return 'Nothing runs yet: a deployment is under way. Follow its log.';
    if (status === 'failed') return 'Nothing runs: the last deployment failed. Its log says why.';
    if (desiredState === 'stopped' && liveDeploymentId) return 'The service is stopped: start it to see its output.';
    return liveDeploymentId ? 'No container of this service exists at the moment.' : 'Nothing has been deployed yet.';
  }
}
