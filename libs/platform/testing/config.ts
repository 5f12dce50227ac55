/** A complete configuration for tests: every value that has no default, made up. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Config, parseConfig } from '../config.js';

export function testConfig(environment: Record<string, string> = {}): Config {
  return parseConfig({
    DATABASE_URL: 'postgresql://127.0.0.1:1/unset',
    REDIS_URL: 'redis://127.0.0.1:1',
    CONTAINR_DATA_DIR: path.join(tmpdir(), 'containr-test-unset'),
    CONTAINR_INGRESS_ADMIN: 'unix:/nonexistent/caddy.sock',
    CONTAINR_JWT_KEY: randomBytes(32).toString('hex'),
    CONTAINR_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    CONTAINR_LOG_LEVEL: 'error',
    // A nearly full disk of the machine is not what is tested.
    CONTAINR_DISK_MIN_FREE_GB: '0.01',
    ...environment,
  });
}
