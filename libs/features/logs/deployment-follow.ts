/** A deployment followed live: build output, its status, its containers' output, and an `end`. */
import { Inject, Injectable } from '@nestjs/common';
import { serviceUrl } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { type Caller, type EventSource, formatEvents } from '#platform/http/index.js';
import { GAP_FRAME } from '#platform/http/sse-frames.js';
import { ArchivedLogs, NO_PAST, type Past } from './archived-logs.js';
import { BuildLines, buildEntry, type DeploymentProgress, isFinal } from './build-lines.js';
import { deploymentTopic } from './build-log.js';
import { type LogContainer, LogContainers } from './containers.js';
import { DeploymentLogs, type DeploymentLogsQuery } from './deployment-logs.js';
import { buildFrame, type Cursor, parseCursor } from './frames.js';
import { filterOf, isOver, type LineFilter, matches, openUntil } from './line-filter.js';
import { type Begin, RuntimeLogs, type Tail, tailOf, wantedOf } from './runtime-logs.js';
import { Streams } from './streams.js';

interface Followed {
  id: string;
  serviceId: string;
  type: DeploymentLogsQuery['type'];
  /** Null: no build lines. */
  buildAfter: bigint | null;
  begin: Begin;
  filter: LineFilter;
  /** Where it answers once it runs. */
  url: string | null;
}

@Injectable()
export class DeploymentFollow {
  constructor(
    private readonly logs: DeploymentLogs,
    private readonly build: BuildLines,
    private readonly containers: LogContainers,
    private readonly runtime: RuntimeLogs,
    private readonly archived: ArchivedLogs,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws NotFound when the deployment does not exist or belongs to somebody else. */
  async follow(
    caller: Caller,
    id: string,
    query: DeploymentLogsQuery,
    lastEventId: string | undefined,
  ): Promise<EventSource> {
    const { serviceId, service } = await this.logs.require(caller, id);
    const filter = filterOf(query);
    const start = await this.start(id, tailOf(query.tail), filter, parseCursor(lastEventId));
    const url = service.type === 'web' ? serviceUrl(service.slug, this.config) : null;
    const followed = {
      id,
      serviceId,
      type: query.type,
      url,
      filter,
      ...start,
      ...(query.type === 'runtime' ? { buildAfter: null } : {}),
    };
    return (signal) => this.stream(followed, signal);
  }

  /** Build lines and output each have their own kind of id: what one says about the other goes by time. */
  private async start(
    id: string,
    tail: Tail,
    filter: LineFilter,
    cursor: Cursor | null,
  ): Promise<{ buildAfter: bigint; begin: Begin }> {
    if (!cursor) return { buildAfter: await this.build.seqBefore(id, tail, filter), begin: { tail } };
    if ('container' in cursor)
      return { buildAfter: await this.build.seqAt(id, new Date(cursor.timestamp)), begin: { after: cursor } };
    const at = await this.build.timeOf(id, cursor.build);
    return {
      buildAfter: cursor.build,
      begin: at ? { after: { container: 'none', timestamp: at.toISOString() } } : { tail: 'all' },
    };
  }

  private async *stream(followed: Followed, signal: AbortSignal): AsyncGenerator<string> {
    const { id, serviceId, type, begin, filter } = followed;
    // Ends the look-out for containers once the deployment has ended; containers that still drain are followed to their end.
    const lookout = new AbortController();
    const leave = () => lookout.abort();
    signal.addEventListener('abort', leave, { once: true });
    const last = { status: '' };
    const streams = new Streams<string | LogContainer[]>();
    streams.add(this.progress(followed, last, signal, leave));
    const find = () => this.containers.ofDeployment(serviceId, id);
    if (type !== 'build')
      streams.add(this.runtime.appearing(find, deploymentTopic(id), openUntil(filter, lookout.signal)));
    let past: Past | null = type === 'build' ? null : await this.archived.ofDeployment(id, ...wantedOf(begin, filter));
    try {
      for await (const item of streams) {
        if (typeof item === 'string') yield item;
        else {
          streams.add(this.runtime.follow(item, begin, signal, filter, past ?? NO_PAST));
          past = null;
        }
        if (item === GAP_FRAME) return;
      }
      if (!signal.aborted) yield formatEvents([{ event: 'end', data: JSON.stringify({ status: last.status }) }]);
    } finally {
      signal.removeEventListener('abort', leave);
      leave();
    }
  }

  private async *progress(
    { id, type, buildAfter, url, filter }: Followed,
    last: { status: string },
    signal: AbortSignal,
    done: () => void,
  ): AsyncGenerator<string> {
    // Once it runs nothing more is built; its output goes on.
    const ended = ({ status }: DeploymentProgress) =>
      isFinal(status) || (type === 'build' && status === 'running') || isOver(filter);
    for await (const event of this.build.follow(id, buildAfter, ended, signal)) {
      if (event.kind === 'lines') {
        const lines = event.lines.filter((line) => matches(filter, buildEntry(line)));
        if (lines.length > 0) yield buildFrame(lines);
      } else {
        const { status, error } = event.progress;
        last.status = status;
        yield formatEvents([
          { event: 'status', data: JSON.stringify({ status, error, url: status === 'running' ? url : null }) },
        ]);
      }
    }
    done();
  }
}
