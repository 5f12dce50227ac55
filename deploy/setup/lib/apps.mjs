// The platform's own two processes.
import path from 'node:path';
import { SetupError } from './log.mjs';
import { ROOT } from './packages.mjs';
import { run } from './run.mjs';

/**
 * Memory of a process that mostly waits, at a price in CPU under load that is not measured yet: a small young generation, heap pages given back
 * early, and of Prisma's query compiler (WebAssembly) only the functions that are called.
 */
const LEAN = ['--max-semi-space-size=2', '--optimize-for-size', '--wasm-lazy-compilation'];

/** Argument lists of node; others only in tests of the set-up itself. */
export const ENTRIES = {
  api: [...LEAN, path.join(ROOT, 'dist/apps/api/main.js')],
  worker: [...LEAN, path.join(ROOT, 'dist/apps/worker/main.js')],
};

// In flight: requests of the API, steps of the worker. A step that does not end in time is taken over by the next worker.
const STOP = { signal: 'SIGTERM', within: 25_000 };

/** Build cache of an engine that we have started ourselves, GiB. */
const OWN_CACHE_GB = '10';

/** What npm adds for its scripts is no business of the platform, and would end up in every build and git process. */
export const withoutNpm = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('npm_')));

/** The environment of api and worker; whatever the operator has set beyond this is passed on. */
export function platformEnv(
  { settings, databaseUrl, redisUrl, dockerHost, ownEngine, secrets, adminSocket, bind },
  env = process.env,
) {
  return {
    ...withoutNpm(env),
    NODE_ENV: env.NODE_ENV ?? 'production',
    // glibc keeps up to 8 heaps per core for threads that allocate little here, and gives none of them back.
    MALLOC_ARENA_MAX: env.MALLOC_ARENA_MAX ?? '1',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    DOCKER_HOST: dockerHost,
    // Whose a part of the build cache is cannot be known: it is bounded only on an engine that runs for us.
    CONTAINR_BUILD_CACHE_BUDGET_GB: env.CONTAINR_BUILD_CACHE_BUDGET_GB ?? (ownEngine ? OWN_CACHE_GB : '0'),
    PORT: String(settings.ports.api),
    CONTAINR_DATA_DIR: settings.dataDir,
    CONTAINR_BASE_DOMAIN: settings.baseDomain,
    CONTAINR_INGRESS_HTTP_PORT: String(settings.ports.http),
    CONTAINR_INGRESS_HTTPS_PORT: String(settings.ports.https),
    CONTAINR_INGRESS_BIND: bind.join(','),
    CONTAINR_INGRESS_ADMIN: `unix:${adminSocket}`,
    CONTAINR_JWT_KEY: secrets.jwtKey,
    CONTAINR_ENCRYPTION_KEY: secrets.encryptionKey,
  };
}

const node = (args, env) => ({ command: process.execPath, args, env, cwd: ROOT, ipc: true });

async function healthy(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/health`, { signal: AbortSignal.timeout(2000) });
  await answer.arrayBuffer();
  return answer.ok;
}

/** @returns {import('./supervisor.mjs').Part} */
export const apiPart = (entry, env) => ({
  name: 'api',
  echo: true,
  stop: STOP,
  spec: () => node(entry, env),
  ready: () => healthy(env.PORT),
});

/** The worker serves nothing that could be asked: it sends `ready` on its channel. @returns {import('./supervisor.mjs').Part} */
export const workerPart = (entry, env) => ({
  name: 'worker',
  echo: true,
  stop: STOP,
  spec: () => node(entry, env),
  ready: async (handle) => handle.saidReady(),
});

export async function migrate(databaseUrl) {
  const env = { ...withoutNpm(process.env), DATABASE_URL: databaseUrl };
  const { code, stdout, stderr } = await run(process.execPath, [path.join(ROOT, 'tools/migrate.mjs')], {
    cwd: ROOT,
    env,
  });
  if (code !== 0) throw new SetupError(['The database migrations failed:', (stderr || stdout).trim()]);
}
