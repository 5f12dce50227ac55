/** The build log of one deployment: lines are redacted, collected for a moment and stored in batches; readers are woken after each. */
import { Injectable } from '@nestjs/common';
import { Bus } from '#platform/bus.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { redactor } from '#platform/secrets.js';

/** A build that writes more is cut: nobody reads it and it would fill the database. */
const MAX_LINES = 50_000;
const MAX_LINE_LENGTH = 4000;
const FLUSH_MS = 100;
const BATCH = 500;

export function deploymentTopic(deploymentId: string): string {
  return `deployment:${deploymentId}`;
}

@Injectable()
export class BuildLogs {
  constructor(
    private readonly db: PrismaService,
    private readonly bus: Bus,
  ) {}

  /** @param secrets values that must never appear in the log. */
  open(deploymentId: string, secrets: Iterable<string>): BuildLogWriter {
    const store = async (messages: string[]) => {
      await this.db.logLine.createMany({
        data: messages.map((message) => ({ subjectId: deploymentId, stream: 'build', message })),
      });
      this.bus.publish(deploymentTopic(deploymentId));
    };
    return new BuildLogWriter(store, redactor(secrets));
  }
}

export class BuildLogWriter {
  private pending: string[] = [];
  private count = 0;
  private timer: NodeJS.Timeout | null = null;
  private stored: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: (messages: string[]) => Promise<void>,
    private readonly redact: (text: string) => string,
  ) {}

  readonly line = (text: string): void => {
    this.count += 1;
    if (this.count > MAX_LINES) return;
    // PostgreSQL stores no NUL.
    const clean = this.redact(text).replaceAll('\0', '').slice(0, MAX_LINE_LENGTH);
    this.pending.push(this.count === MAX_LINES ? `(the log is cut after ${MAX_LINES} lines)` : clean);
    if (this.pending.length >= BATCH) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  };

  /** Resolves when everything is stored. Never rejects: a lost log line must not fail a deployment. */
  async close(): Promise<void> {
    this.flush();
    await this.stored;
  }

  private flush(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const batch = this.pending.splice(0);
    if (batch.length > 0) this.stored = this.stored.then(() => this.store(batch)).catch(() => undefined); // see close()
  }
}
