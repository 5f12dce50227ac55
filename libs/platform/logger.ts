/**
 * Structured logs, one JSON object per line on standard output. The writer itself removes credentials, so no caller can forget to.
 * Lines written while a run is executed carry its run_id, workflow, attempt and step (work-context.ts); lines of a request its request_id.
 */
import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Config } from './config.js';
import { contextFields } from './work-context.js';

/** Injection token of the process's {@link Logger}. */
export const LOGGER = Symbol('LOGGER');
export type { Logger };

const FIELD = /"((?:[\w-]*[_-])?(?:authorization|cookie|password|token|secret|api_?key))":"(?:[^"\\]|\\.)*"/gi;
const BEARER = /\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi;
const JWT = /\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g;
const USER_INFO = /(\w+:\/\/)[^/\s"@]+@/g;

/** A line without fields named like credentials, Authorization values, JSON web tokens, and user names and passwords in URLs. */
export function scrub(line: string): string {
  return line.replace(FIELD, '"$1":"***"').replace(BEARER, '$1 ***').replace(JWT, '***').replace(USER_INFO, '$1***@');
}

/** @param output where lines go; standard output unless a test wants to read them. */
export function createLogger(
  config: Pick<Config, 'CONTAINR_LOG_LEVEL'>,
  name: string,
  output?: DestinationStream,
): Logger {
  const out = output ?? destination({ fd: 1, sync: true });
  const options = {
    level: config.CONTAINR_LOG_LEVEL,
    base: { name, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    mixin: contextFields,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, { write: (line: string) => void out.write(scrub(line)) });
}

/** Nest's own messages in the same form. Its chatter at start ("mapped route") is only of interest when debugging. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest passes the context last and, for errors, the stack before it. */
  private write(level: 'trace' | 'debug' | 'warn' | 'error' | 'fatal', message: unknown, rest: unknown[]): void {
    const context = rest.length > 0 ? rest[rest.length - 1] : undefined;
    const detail = rest.slice(0, -1);
    const fields = { context, ...(detail.length > 0 ? { detail } : {}) };
    if (message instanceof Error) this.logger[level]({ ...fields, err: message }, message.message);
    else this.logger[level](fields, typeof message === 'string' ? message : JSON.stringify(message));
  }
}
