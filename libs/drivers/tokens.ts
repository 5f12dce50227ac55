/** Injection tokens of the ports. */
export const RUNTIME = Symbol('ContainerRuntime');
export const BUILDER = Symbol('Builder');
export const BUILD_PROGRAMS = Symbol('BuildPrograms');
export const SOURCE = Symbol('SourceStore');
/** A DiskGuard, which knows the free space and the watermark. */
export const DISK_GUARD = Symbol('DiskGuard');
export const INGRESS = Symbol('Ingress');
/** A GitProviders: opens accounts at GitHub, GitLab, Bitbucket, Gitea. */
export const GIT_PROVIDERS = Symbol('GitProviders');
/** ObjectStores: where backups go. */
export const OBJECT_STORES = Symbol('ObjectStores');
