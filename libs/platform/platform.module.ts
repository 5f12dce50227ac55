/** What every feature may ask for: configuration, PostgreSQL, Redis, the secret box, the bus and the log. Global, so features need not import it. */
import { setTimeout } from 'node:timers/promises';
import {
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Bus } from './bus.js';
import { CONFIG, type Config, parseConfig } from './config.js';
import { Installation } from './installation.js';
import { createLogger, LOGGER, type Logger } from './logger.js';
import { PrismaService } from './prisma/prisma.service.js';
import { createRedis, REDIS, type Redis } from './redis.js';
import { SecretBox } from './secrets.js';
import { openTracing, TRACING, type Tracing } from './tracing.js';

const REDIS_PATIENCE_MS = 1_000;

export interface PlatformOptions {
  /** Name of the process in the log, e.g. `api`. */
  name: string;
  config?: Config;
  logger?: Logger;
}

@Module({})
export class PlatformModule implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  constructor(
    @Inject(REDIS) private readonly redis: Redis,
    @Inject(TRACING) private readonly tracing: Tracing | null,
  ) {}

  static forRoot(options: PlatformOptions): DynamicModule {
    const config = options.config ?? parseConfig();
    const logger = options.logger ?? createLogger(config, options.name);
    return {
      module: PlatformModule,
      global: true,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: REDIS, useFactory: () => createRedis(config, logger) },
        { provide: TRACING, useFactory: () => openTracing(config, options.name, logger) },
        PrismaService,
        SecretBox,
        Bus,
        Installation,
      ],
      exports: [CONFIG, LOGGER, REDIS, TRACING, PrismaService, SecretBox, Bus, Installation],
    };
  }

  /** Waits a moment, so that the first requests find Redis; the process must start while it is down. The connection reports its errors. */
  async onModuleInit(): Promise<void> {
    const connected = this.redis.connect().catch(() => {});
    await Promise.race([connected, setTimeout(REDIS_PATIENCE_MS, undefined, { ref: false })]);
  }

  /** What was traced while the process ended goes out last. */
  async onApplicationShutdown(): Promise<void> {
    await this.tracing?.close();
  }

  onModuleDestroy(): void {
    this.redis.disconnect();
  }
}
