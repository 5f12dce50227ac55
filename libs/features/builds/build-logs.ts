/** The log of a build as plain text: what is there, or followed to its end. */
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { BuildLines, deploymentTopic } from '#features/logs/index.js';
import { Bus } from '#platform/bus.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { requireBuild } from './builds.queries.js';
import { OPEN } from './builds.state.js';

/** A lost wake-up costs this much at most. Milliseconds. */
const WAKE_MS = 1000;

@Injectable()
export class BuildLogText {
  constructor(
    private readonly db: PrismaService,
    private readonly lines: BuildLines,
    private readonly bus: Bus,
  ) {}

  /** Read as it is sent: a log of any length costs the memory of one batch. @throws NotFound `build_not_found`. */
  async read(caller: Caller, id: string, follow: boolean): Promise<Readable> {
    await requireBuild(this.db, caller, id);
    const stop = new AbortController();
    const text = Readable.from(this.text(id, follow, stop.signal), { objectMode: false });
    text.once('close', () => stop.abort());
    return text;
  }

  private async *text(id: string, follow: boolean, signal: AbortSignal): AsyncGenerator<Buffer> {
    let position = 0n;
    const since = await this.lines.since(id);
    while (!signal.aborted) {
      const open = follow && (await this.isOpen(id));
      const changed = open ? this.bus.next(deploymentTopic(id), WAKE_MS, signal) : Promise.resolve();
      for (;;) {
        const batch = await this.lines.after(id, position, since);
        if (batch.length === 0) break;
        position = batch.at(-1)?.seq ?? position;
        yield Buffer.from(batch.map(({ message }) => `${message}\n`).join(''));
      }
      // The steps store all lines before the status moves on: nothing follows.
      if (!open) return;
      await changed;
    }
  }

  private async isOpen(id: string): Promise<boolean> {
    const row = await this.db.build.findUnique({ where: { id }, select: { status: true } });
    return OPEN.some((status) => status === row?.status);
  }
}
