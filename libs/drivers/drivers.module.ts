/** The real drivers, made from the configuration. Tests replace the providers by fakes that pass the same conformance suites. */
import path from 'node:path';
import { Global, Module } from '@nestjs/common';
import { Bus } from '#platform/bus.js';
import { CONFIG, type Config } from '#platform/config.js';
import { EgressGuard } from '#platform/egress.js';
import { DockerBuilder } from './builder/buildkit.js';
import { GuardedBuilder } from './builder/guarded-builder.js';
import { BuildPrograms } from './builder/programs.js';
import { DISK_LOW, DiskGuard } from './disk/disk-guard.js';
import { LocalDisks } from './disk/local-disks.js';
import { HttpGitProviders } from './git-providers/git-providers.js';
import { CaddyIngress } from './ingress/caddy/caddy-ingress.js';
import { acmeOptions, localConfig } from './ingress/caddy/local.js';
import { RealObjectStores } from './object-store/stores.js';
import { DockerRuntime } from './runtime/docker/docker-runtime.js';
import type { ContainerRuntime } from './runtime/port.js';
import { GitSource } from './source/git-source.js';
import {
  BUILD_PROGRAMS,
  BUILDER,
  DISK_GUARD,
  GIT_PROVIDERS,
  INGRESS,
  OBJECT_STORES,
  RUNTIME,
  SOURCE,
} from './tokens.js';

const inject = [CONFIG];

@Global()
@Module({
  providers: [
    {
      provide: EgressGuard,
      inject,
      useFactory: (config: Config) =>
        new EgressGuard({ allow: config.CONTAINR_EGRESS_ALLOW, deny: config.CONTAINR_EGRESS_DENY }),
    },
    { provide: RUNTIME, inject, useFactory: (config: Config) => new DockerRuntime({ dockerHost: config.DOCKER_HOST }) },
    {
      provide: DISK_GUARD,
      inject: [CONFIG, RUNTIME, Bus],
      useFactory: (config: Config, runtime: ContainerRuntime, bus: Bus) => {
        const disks = new LocalDisks(config.CONTAINR_DATA_DIR, () => runtime.dataRoot());
        return new DiskGuard(disks, config.CONTAINR_DISK_MIN_FREE_GB, () => bus.publish(DISK_LOW));
      },
    },
    {
      provide: BUILDER,
      inject: [CONFIG, DISK_GUARD],
      useFactory: (config: Config, guard: DiskGuard) =>
        new GuardedBuilder(new DockerBuilder({ dockerHost: config.DOCKER_HOST }), guard),
    },
    { provide: BUILD_PROGRAMS, inject, useFactory: (config: Config) => new BuildPrograms(config.CONTAINR_BUILD_PATH) },
    {
      provide: INGRESS,
      inject,
      useFactory: (config: Config) =>
        new CaddyIngress({ admin: config.CONTAINR_INGRESS_ADMIN, base: caddyBase(config) }),
    },
    {
      provide: OBJECT_STORES,
      inject: [CONFIG, EgressGuard],
      useFactory: (config: Config, guard: EgressGuard) => new RealObjectStores(backupFolder(config), guard),
    },
    {
      provide: SOURCE,
      inject: [CONFIG, EgressGuard],
      useFactory: (config: Config, guard: EgressGuard) => new GitSource({ dataDir: config.CONTAINR_DATA_DIR, guard }),
    },
    {
      provide: GIT_PROVIDERS,
      inject: [EgressGuard],
      useFactory: (guard: EgressGuard) => new HttpGitProviders(guard),
    },
  ],
  exports: [EgressGuard, RUNTIME, BUILDER, BUILD_PROGRAMS, DISK_GUARD, GIT_PROVIDERS, INGRESS, OBJECT_STORES, SOURCE],
})
export class DriversModule {}

function caddyBase(config: Config) {
  return localConfig({
    dataDir: config.CONTAINR_DATA_DIR,
    httpPort: config.CONTAINR_INGRESS_HTTP_PORT,
    httpsPort: config.CONTAINR_INGRESS_HTTPS_PORT,
    baseDomain: config.CONTAINR_BASE_DOMAIN,
    bind: config.CONTAINR_INGRESS_BIND,
    encryptionKey: config.CONTAINR_ENCRYPTION_KEY,
    ...acmeOptions(config),
  });
}

/** A folder that the operator named is not made: when its disk is not mounted, that must be seen. */
function backupFolder({ CONTAINR_BACKUP_DIR, CONTAINR_DATA_DIR }: Config) {
  return CONTAINR_BACKUP_DIR
    ? { folder: CONTAINR_BACKUP_DIR, make: false }
    : { folder: path.join(CONTAINR_DATA_DIR, 'backups'), make: true };
}
