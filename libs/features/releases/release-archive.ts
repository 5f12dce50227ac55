/**
 * The last output of a container, kept when the container goes: redacted, compressed, for as long as stored logs are kept. Best effort within
 * a deadline: a log that cannot be kept never holds up or fails the removal.
 */
import { Buffer } from 'node:buffer';
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime, LogLine, Workload } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { BoundedTail } from '#platform/bounded-tail.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { redactor } from '#platform/secrets.js';
import { packLines, unpackLines } from './archive-format.js';
import { ProjectSecrets } from './project-secrets.js';

/** Of each container at most so many lines and bytes of text. */
export const ARCHIVE_LINES = 10_000;
export const ARCHIVE_BYTES = 2 ** 20;
/** For reading one container's output. */
const READ_MS = 5000;
/** What a line costs beside its text: time, stream, line end. */
const OVERHEAD_BYTES = 40;

@Injectable()
export class ReleaseArchive {
  constructor(
    private readonly db: PrismaService,
    private readonly secrets: ProjectSecrets,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** Idempotent: a second time only what is new is kept. Never rejects. */
  readonly keep = async (workload: Workload): Promise<void> => {
    try {
      await this.store(workload);
    } catch (error) {
      this.log.warn({ err: error, container: workload.name }, 'the output of a removed container could not be kept');
    }
  };

  private async store(workload: Workload): Promise<void> {
    const { deployment, replica } = workload.labels;
    // Nobody may read the log of a service that is deleted.
    if (!(await this.db.deployment.count({ where: { id: deployment, service: { deletedAt: null } } }))) return;
    const lines = await this.read(workload, await this.lastKept(deployment, replica));
    const [first, last] = [lines.at(0), lines.at(-1)];
    if (!first || !last) return;
    const times = { firstAt: new Date(first.timestamp), lastAt: new Date(last.timestamp) };
    const content = await packLines(lines);
    await this.db.releaseLog.create({
      data: { deploymentId: deployment, replica, content, lines: lines.length, ...times },
    });
  }

  private async read(workload: Workload, after: string | null): Promise<LogLine[]> {
    const redact = redactor(await this.secrets.ofDeployment(workload.labels.deployment));
    const kept = new BoundedTail<LogLine>(ARCHIVE_LINES, ARCHIVE_BYTES, sizeOf);
    const signal = AbortSignal.timeout(READ_MS);
    const query = { tail: ARCHIVE_LINES, follow: false, ...(after ? { after } : {}) };
    for await (const batch of this.runtime.logs(workload, query, signal))
      for (const line of batch) kept.push({ ...line, message: redact(line.message) });
    if (signal.aborted)
      this.log.warn(
        { container: workload.name },
        `reading the output to keep took longer than ${READ_MS} ms: it is cut`,
      );
    return kept.items();
  }

  /** Time of the last line kept of earlier containers in this place, or of this one in a step that is carried out again. */
  private async lastKept(deploymentId: string, replica: number): Promise<string | null> {
    const row = await this.db.releaseLog.findFirst({ where: { deploymentId, replica }, orderBy: { at: 'desc' } });
    return row ? ((await unpackLines(row.content)).at(-1)?.timestamp ?? null) : null;
  }
}

function sizeOf({ message }: LogLine): number {
  return Buffer.byteLength(message) + OVERHEAD_BYTES;
}
