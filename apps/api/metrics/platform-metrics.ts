/** Everything that `GET /metrics` tells, in Prometheus' text format. The list for operators is in docs/metrics.md. */
import { Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { isDatabaseDown, PrismaService } from '#platform/prisma/prisma.service.js';
import { HttpMetrics } from './http-metrics.js';
import { processMetrics } from './process-metrics.js';
import { RunMetrics } from './run-metrics.js';

/** However many ask, PostgreSQL is asked once in this time. Milliseconds. */
const FRESH_MS = 1_000;

@Injectable()
export class PlatformMetrics {
  readonly contentType: string;
  readonly http: HttpMetrics;
  /** Apart, because without a database they are left out instead of telling what was true before. */
  private readonly fromTables = new Registry();
  private readonly own = new Registry();
  private readonly runs: RunMetrics;
  private readonly databaseUp: Gauge;
  private last: { at: number; text: Promise<string> } | null = null;

  constructor(db: PrismaService) {
    this.contentType = this.own.contentType;
    this.http = new HttpMetrics(this.own);
    processMetrics(this.own);
    const help = '1 when PostgreSQL answered during this scrape; else everything from its tables is missing.';
    this.databaseUp = new Gauge({ name: 'containr_database_up', help, registers: [this.own] });
    this.runs = new RunMetrics(this.fromTables, db);
  }

  text(): Promise<string> {
    const now = performance.now();
    if (!this.last || now - this.last.at > FRESH_MS) this.last = { at: now, text: this.collect() };
    return this.last.text;
  }

  private async collect(): Promise<string> {
    const up = await this.readTables();
    this.databaseUp.set(up ? 1 : 0);
    const parts = [await this.own.metrics(), ...(up ? [await this.fromTables.metrics()] : [])];
    return parts.join('');
  }

  private async readTables(): Promise<boolean> {
    try {
      await this.runs.collect();
      return true;
    } catch (error) {
      if (isDatabaseDown(error)) return false;
      throw error;
    }
  }
}
