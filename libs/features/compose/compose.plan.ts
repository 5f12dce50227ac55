/** A parsed compose file -> the parts of a stack, and the report. Pure but for the identities that it is given. */
import type { ImportComposeRequest } from '#contracts/compose.js';
import { type CreateServiceRequest, createServiceRequest } from '#contracts/services.js';
import { hostLabel, looksSecret, type ServiceIdentity } from '#features/services/index.js';
import {
  type DatabasePart,
  databaseOfImage,
  inOrder,
  type ServicePart,
  type StackPart,
} from '#features/stacks/index.js';
import { isMap, parseCompose, type YamlMap } from './compose.parse.js';
import { type Draft, newDraft } from './draft.js';
import { HONOURED_KEYS } from './honoured-keys.js';
import { type ManagedDatabase, managedDatabase } from './managed-database.js';
import { asksForNothing, PLAIN_KEYS } from './plain-keys.js';
import { composeInvalid, Report } from './report.js';

/** As many services as a stack may have. */
const MAX_SERVICES = 50;

export type Options = Pick<ImportComposeRequest, 'compose' | 'variables' | 'profiles' | 'repository' | 'branch'>;

export interface ComposePlan {
  /** In dependency order. */
  parts: StackPart[];
  report: Report;
}

type Identify = (name: string) => ServiceIdentity;

/** @param region of managed databases. @throws Invalid `compose_invalid`, with the path in the file. */
export function planCompose(options: Options, identityOf: Identify, region: string): ComposePlan {
  const report = new Report();
  const file = parseCompose(options.compose, options.variables, report);
  readTop(file, report);
  const drafts = readServices(file.services, options, report);
  noteVolumes(file.volumes, drafts, report);
  settleDependencies(drafts, report);
  const parts = drafts.map((draft) => partOf(draft, options, report, { identityOf, region }));
  requireDistinct(parts);
  const ordered = inOrder(parts, (circle) => {
    throw composeInvalid('services', `they depend on each other in a circle: ${circle.join(' -> ')}`);
  });
  return { parts: ordered, report };
}

const TOP: Record<string, string> = {
  version: 'It is obsolete.',
  name: 'The services belong to the project that they are imported into.',
  networks: 'All services of a project share one private network.',
  secrets: 'Files cannot be mounted: put the values into environment.',
  configs: 'Files cannot be mounted: put the values into environment.',
  models: 'AI models are not provided.',
};

function readTop(file: YamlMap, report: Report): void {
  for (const [key, value] of Object.entries(file)) {
    if (key === 'services' || key === 'volumes') continue;
    if (key === 'include') report.refused(key, 'Other files are not read: write the services out in this one.');
    else if (TOP[key]) report.ignored(key, TOP[key]);
    else if (key.startsWith('x-')) report.ignored(key, 'It is an extension field.');
    else if (value !== undefined) report.ignored(key, 'It is not a key of the Compose Specification.');
  }
}

function readServices(services: unknown, options: Options, report: Report): Draft[] {
  if (!isMap(services) || Object.keys(services).length === 0) throw composeInvalid('services', 'there is no service');
  if (Object.keys(services).length > MAX_SERVICES)
    throw composeInvalid('services', `more than ${MAX_SERVICES} services`);
  const drafts = Object.entries(services).flatMap(([key, body]) => {
    const path = `services.${key}`;
    if (!/^[a-zA-Z0-9._-]{1,100}$/.test(key)) throw composeInvalid(path, 'is not a name of a service');
    if (!isMap(body)) throw composeInvalid(path, 'must be a map');
    if (!chosen(body.profiles, options.profiles)) {
      report.ignored(path, 'It belongs to a profile that was not asked for.');
      return [];
    }
    const draft = readService(key, body, options, report);
    if (draft.image || draft.build) return [draft];
    report.ignored(path, 'It has neither an image nor a build, so it is not made.');
    return [];
  });
  if (drafts.length === 0) throw composeInvalid('services', 'none of them can be made here');
  return drafts;
}

function chosen(profiles: unknown, wanted: string[]): boolean {
  if (!Array.isArray(profiles) || profiles.length === 0) return true;
  return wanted.includes('*') || profiles.some((profile) => wanted.includes(String(profile)));
}

/** Each key is read by somebody or reported: there is no third way. */
function readService(key: string, body: YamlMap, { variables }: Options, report: Report): Draft {
  const draft = newDraft(key);
  for (const [name, value] of Object.entries(body)) {
    const path = `services.${key}.${name}`;
    const honour = Object.hasOwn(HONOURED_KEYS, name) ? HONOURED_KEYS[name] : undefined;
    const verdict = Object.hasOwn(PLAIN_KEYS, name) ? PLAIN_KEYS[name] : undefined;
    if (honour) honour({ draft, report, variables }, value, path);
    else if (verdict) {
      if (!asksForNothing(value)) report[verdict[0]](path, verdict[1]);
    } else if (name.startsWith('x-')) report.ignored(path, 'It is an extension field.');
    else report.ignored(path, 'It is not a key of the Compose Specification.');
  }
  return draft;
}

/** The top-level `volumes`, and volumes that several services share. */
function noteVolumes(volumes: unknown, drafts: Draft[], report: Report): void {
  for (const [name, body] of Object.entries(isMap(volumes) ? volumes : {})) {
    const settings = isMap(body) ? body : {};
    const path = `volumes.${name}`;
    const hostFolder = isMap(settings.driver_opts) && ('device' in settings.driver_opts || 'o' in settings.driver_opts);
    if (hostFolder)
      report.refused(`${path}.driver_opts`, 'Folders of the host are not mounted: the volume starts empty.');
    report.others(path, settings, hostFolder ? ['driver_opts'] : [], 'Volumes are new, empty and local to the host.');
  }
  const owners = new Map<string, string>();
  for (const draft of drafts)
    for (const { source, name, path } of draft.volumes) {
      if (source === null) continue;
      const owner = owners.get(name);
      if (owner) report.changed(path, `A volume belongs to one service: this one is not the volume of "${owner}".`);
      else owners.set(name, draft.key);
    }
}

function settleDependencies(drafts: Draft[], report: Report): void {
  const keys = new Set(drafts.map(({ key }) => key));
  for (const draft of drafts) {
    const missing = draft.after.filter((key) => !keys.has(key));
    draft.after = [...new Set(draft.after.filter((key) => keys.has(key)))];
    for (const key of missing)
      report.ignored(`services.${draft.key}.depends_on`, `There is no service "${key}" among those that are made.`);
  }
}

function partOf(
  draft: Draft,
  options: Options,
  report: Report,
  { identityOf, region }: { identityOf: Identify; region: string },
): StackPart {
  const path = `services.${draft.key}`;
  const database = draft.build ? null : databaseOfImage(draft.image ?? '');
  const port = portOf(draft, database, report);
  const identity = identityOf(draft.key);
  if (identity.alias !== draft.key)
    report.changed(
      path,
      `Other services reach it as "${identity.alias}": host names are lower-case letters, digits and "-".`,
    );
  const managed = database && managedDatabase(draft);
  if (managed && typeof managed !== 'string') return databaseOf(draft, managed, { identity, region }, report);
  if (managed) report.changed(path, `It is a private service with a volume, not a managed database: ${managed}.`);
  return serviceOf(
    draft,
    { database: database !== null, port, identity, source: sourceOf(draft, options, report) },
    report,
  );
}

/** What of it the platform does in its own way is one note. */
function databaseOf(
  draft: Draft,
  { password, type, version }: ManagedDatabase,
  { identity, region }: { identity: ServiceIdentity; region: string },
  report: Report,
): DatabasePart {
  if (draft.health) report.ignored(draft.health.at, 'Only services with a route are asked over HTTP.');
  const plan = 'starter';
  const what = `It becomes a managed database (${type} ${version}, plan ${plan}) with its user, password, database and host name`;
  report.changed(`services.${draft.key}`, `${what}; its volume is the platform's.`);
  const database = { type, version, plan, region } as const;
  return { key: draft.key, kind: 'database', name: draft.key, identity, database, password, after: [] };
}

interface Settled {
  /** Whether its image is a database. */
  database: boolean;
  port: number | null;
  identity: ServiceIdentity;
  source: { source: unknown; deploy: boolean };
}

function serviceOf(draft: Draft, { database, port, identity, source }: Settled, report: Report): ServicePart {
  const path = `services.${draft.key}`;
  const web = !database && port !== null;
  const health = web ? healthOf(draft, port, report) : null;
  if (draft.health && !web) report.ignored(draft.health.at, 'Only services with a route are asked over HTTP.');
  const request = {
    name: draft.key,
    type: web ? 'web' : 'worker',
    source: source.source,
    build_config: buildConfig(draft),
    ...(port === null ? {} : { port }),
    ...(health ? { health_check_path: health } : {}),
    ...(database ? { health_check_timeout: 300 } : {}),
    replicas: draft.replicas,
    resources: { ...(draft.cpu ? { cpu: draft.cpu } : {}), ...(draft.memory ? { memory: draft.memory } : {}) },
    volumes: draft.volumes.map(({ name, mount_path }) => ({ name, mount_path })),
    ...draft.settings,
  };
  return {
    key: draft.key,
    name: draft.key,
    kind: database ? 'database' : 'service',
    identity,
    request: valid(request, path),
    variables: Object.fromEntries(
      Object.entries(draft.environment).map(([key, value]) => [key, { value, secret: looksSecret(key) }]),
    ),
    after: draft.after,
    deploy: source.deploy,
  };
}

function valid(request: unknown, path: string): CreateServiceRequest {
  const result = createServiceRequest.safeParse(request);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw composeInvalid(path, `${issue?.path.join('.')} ${issue?.message}`);
}

function buildConfig({ entrypoint, arguments: given, build }: Draft) {
  const args = build?.args ?? {};
  return {
    ...(entrypoint ? { entrypoint } : {}),
    ...(given ? { arguments: given } : {}),
    ...(Object.keys(args).length > 0 ? { environment_variables: args } : {}),
  };
}

/** A database is private whatever it publishes; of the others the first port gets the route. */
function portOf(draft: Draft, database: { name: string; port: number } | null, report: Report): number | null {
  const [first, ...others] = draft.ports;
  if (database) {
    for (const { path } of draft.ports)
      report.changed(
        path,
        `${database.name} is private: services of the project reach it at ${hostLabel(draft.key)}:${database.port}.`,
      );
    return database.port;
  }
  for (const { path, port } of others)
    report.ignored(
      path,
      `One port is routed, ${first?.port}; services of the project reach ${hostLabel(draft.key)}:${port} too.`,
    );
  return first?.port ?? null;
}

function healthOf({ health }: Draft, port: number | null, report: Report): string | null {
  if (!health) return null;
  if (health.port !== null && health.port !== port) {
    report.ignored(health.at, `It asks port ${health.port}, the service is asked at ${port}.`);
    return null;
  }
  report.changed(health.at, `The platform asks ${health.path} itself, from outside the container.`);
  return health.path;
}

function sourceOf(draft: Draft, { repository, branch }: Options, report: Report): { source: unknown; deploy: boolean } {
  const { build, image, key } = draft;
  if (!build) return { source: { type: 'image', image }, deploy: true };
  const path = `services.${key}.build`;
  if (image) report.ignored(`services.${key}.image`, 'The image is built, and named by the platform.');
  const remote = /^(https?:\/\/[^#\s]+?)(?:#([^:]*)(?::(.*))?)?$/.exec(build.context);
  const folder = remote ? (remote[3] ?? '') : build.context;
  const url = remote?.[1] ?? repository;
  const ref = remote ? remote[2] : branch;
  if (!url)
    report.changed(path, `Push the code to the service's git remote: no repository was given. It is deployed then.`);
  return {
    source: {
      type: 'dockerfile',
      ...(url ? { repository: url } : {}),
      ...(ref ? { branch: ref } : {}),
      root_directory: folder,
      ...(build.dockerfile ? { dockerfile: build.dockerfile } : {}),
    },
    deploy: Boolean(url),
  };
}

function requireDistinct(parts: StackPart[]): void {
  const seen = new Map<string, string>();
  for (const { key, identity } of parts) {
    const other = seen.get(identity.alias);
    if (other)
      throw composeInvalid(
        `services.${key}`,
        `it would have the host name "${identity.alias}", as "${other}" has: rename one`,
      );
    seen.set(identity.alias, key);
  }
}
