/** Keys of a compose service that are honoured: each reads its value, fills the draft, and reports what it leaves out. */
import { releaseSettings } from '#contracts/services.js';
import { variableKey } from '#contracts/variables.js';
import { isMap, list, memory, pairs, scalar, seconds, words, type YamlMap } from './compose.parse.js';
import type { Draft } from './draft.js';
import { composeInvalid, type Report } from './report.js';
import { readVolumes } from './volume-keys.js';

export interface Reading {
  draft: Draft;
  report: Report;
  variables: Record<string, string>;
}

export const HONOURED_KEYS: Record<string, (reading: Reading, value: unknown, path: string) => void> = {
  image: ({ draft }, value, path) => {
    draft.image = text(value, path);
  },
  build: readBuild,
  command: ({ draft, report }, value, path) => {
    if (value === null) return;
    const given = words(value, path);
    if (given.length > 0) draft.arguments = given;
    else report.ignored(path, "An empty command leaves the image's own.");
  },
  entrypoint: ({ draft, report }, value, path) => {
    if (value === null) return;
    const given = words(value, path);
    if (given.length > 0) draft.entrypoint = given;
    else report.ignored(path, "An empty entrypoint leaves the image's own.");
  },
  environment: readEnvironment,
  ports: ({ draft, report }, value, path) => {
    for (const [index, entry] of list(value, path).entries()) readPort(draft, report, entry, `${path}[${index}]`);
  },
  // Services of a project reach each other on every port: there is nothing to do.
  expose: (_reading, value, path) => void list(value, path),
  volumes: ({ draft, report }, value, path) => {
    for (const [index, entry] of list(value, path).entries()) readVolumes(draft, report, entry, `${path}[${index}]`);
  },
  depends_on: readDependsOn,
  healthcheck: readHealthcheck,
  restart: ({ report }, value, path) => {
    if (value !== 'always' && value !== 'unless-stopped') report.changed(path, 'What exits is always started again.');
  },
  deploy: readDeploy,
  scale: ({ draft, report }, value, path) => readReplicas(draft, report, value, path),
  cpus: ({ draft }, value, path) => {
    draft.cpu = text(value, path);
  },
  mem_limit: readMemory,
  stop_grace_period: ({ draft, report }, value, path) => {
    const given = seconds(value);
    if (given === null) throw composeInvalid(path, 'must be a duration such as 30s or 1m30s');
    draft.settings.stop_grace_period = Math.min(given, 300);
    if (given > 300) report.changed(path, 'At most 300 seconds.');
  },
  stop_signal: ({ draft, report }, value, path) => {
    const name = text(value, path)
      .toUpperCase()
      .replace(/^(?!SIG)/, 'SIG');
    const parsed = releaseSettings.shape.stop_signal.safeParse(name);
    if (parsed.success) draft.settings.stop_signal = parsed.data;
    else report.ignored(path, `${name} is not one of the signals that can be chosen.`);
  },
  // What is in other profiles has been left out before this.
  profiles: () => undefined,
};

function text(value: unknown, path: string): string {
  const found = scalar(value);
  if (found === null || found === '') throw composeInvalid(path, 'must be a text');
  return found;
}

function readBuild({ draft, report }: Reading, value: unknown, path: string): void {
  const build: YamlMap = isMap(value) ? value : { context: value };
  const dockerfile = scalar(build.dockerfile);
  const args = pairs(build.args ?? {}, `${path}.args`).flatMap(([key, item]) => {
    if (item !== null) return [[key, item] as const];
    report.ignored(`${path}.args.${key}`, 'It has no value.');
    return [];
  });
  draft.build = {
    context: scalar(build.context) ?? '.',
    ...(dockerfile ? { dockerfile } : {}),
    args: Object.fromEntries(args),
  };
  const reason = 'A build has a context, a dockerfile and args; nothing else can be set.';
  for (const key of ['privileged', 'network', 'entitlements', 'ssh', 'extra_hosts', 'secrets', 'additional_contexts'])
    if (key in build) report.refused(`${path}.${key}`, 'Builds are isolated from the host and its network.');
  const known = ['context', 'dockerfile', 'args', 'privileged', 'network', 'entitlements', 'ssh', 'extra_hosts'];
  report.others(path, build, [...known, 'secrets', 'additional_contexts'], reason);
}

function readEnvironment({ draft, report, variables }: Reading, value: unknown, path: string): void {
  for (const [key, given] of pairs(value, path)) {
    const at = `${path}.${key}`;
    const found = given ?? (Object.hasOwn(variables, key) ? variables[key] : undefined);
    const problem = variableKey.safeParse(key).error?.issues[0]?.message;
    if (problem) report.ignored(at, `The name ${problem}.`);
    else if (found === undefined)
      report.ignored(at, 'It has no value: it would come from the shell that runs compose.');
    else draft.environment[key] = found;
  }
}

function readPort(draft: Draft, report: Report, entry: unknown, path: string): void {
  const { target, published, protocol, host } = isMap(entry) ? longPort(entry, report, path) : shortPort(entry, path);
  if (protocol !== 'tcp') {
    report.ignored(path, 'Only HTTP over TCP is routed.');
    return;
  }
  const [first, last] = target.split('-').map(Number);
  if (!first || first > 65_535 || (last !== undefined && !(last >= first && last <= 65_535)))
    throw composeInvalid(path, `"${target}" is not a port`);
  draft.ports.push({ port: first, path });
  if (last !== undefined && last > first) report.ignored(path, `Of a range only its first port, ${first}, is taken.`);
  if (published || host)
    report.changed(
      path,
      `No port of the host is opened (${[host, published].filter(Boolean).join(':')}): the service is reached at its URL.`,
    );
}

interface Port {
  target: string;
  published: string | null;
  protocol: string;
  host: string | null;
}

function shortPort(entry: unknown, path: string): Port {
  const match = /^(?:(?:(.*):)?([\d-]*):)?(\d+(?:-\d+)?)(?:\/(\w+))?$/.exec(scalar(entry) ?? '');
  if (!match) throw composeInvalid(path, 'must be a port such as "8080:80"');
  return {
    host: match[1] || null,
    published: match[2] || null,
    target: match[3] as string,
    protocol: match[4] ?? 'tcp',
  };
}

function longPort(entry: YamlMap, report: Report, path: string): Port {
  report.others(path, entry, ['target', 'published', 'protocol', 'host_ip'], 'Ports of the host are not opened.');
  return {
    target: scalar(entry.target) ?? '',
    published: scalar(entry.published),
    protocol: scalar(entry.protocol) ?? 'tcp',
    host: scalar(entry.host_ip),
  };
}

function readDependsOn({ draft, report }: Reading, value: unknown, path: string): void {
  if (!isMap(value)) {
    draft.after.push(...list(value, path).map((item, index) => text(item, `${path}[${index}]`)));
    return;
  }
  for (const [name, how] of Object.entries(value)) {
    const at = `${path}.${name}`;
    draft.after.push(name);
    if (!isMap(how)) continue;
    if (how.condition === 'service_completed_successfully')
      report.changed(`${at}.condition`, 'The service is waited for until it is live: nothing here runs once and ends.');
    report.others(at, how, ['condition'], 'A service that it depends on is needed, and is not restarted with it.');
  }
}

function readHealthcheck({ draft, report }: Reading, value: unknown, path: string): void {
  if (!isMap(value)) throw composeInvalid(path, 'must be a map');
  report.others(path, value, ['test'], 'A new release is looked at until it is ready or health_check_timeout is over.');
  if (value.test === undefined) return;
  const test = Array.isArray(value.test) ? value.test.map(String).join(' ') : (scalar(value.test) ?? '');
  // curl -f http://localhost:8080/health, wget -qO- 127.0.0.1/ping
  const found =
    /\b(?:curl|wget)\b.*?(?:http:\/\/)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(\d+))?(\/[^\s"'|;&)\]]*)?/.exec(test);
  if (!found) {
    report.ignored(`${path}.test`, 'Commands are not run in the container: readiness is an answer at its port.');
    return;
  }
  draft.health = { path: found[2] ?? '/', port: found[1] ? Number(found[1]) : null, at: `${path}.test` };
}

function readDeploy({ draft, report }: Reading, value: unknown, path: string): void {
  if (value === null) return;
  if (!isMap(value)) throw composeInvalid(path, 'must be a map');
  if (value.replicas !== undefined) readReplicas(draft, report, value.replicas, `${path}.replicas`);
  report.others(path, value, ['replicas', 'resources'], 'Only replicas and resources.limits are honoured.');
  const resources = isMap(value.resources) ? value.resources : {};
  report.others(`${path}.resources`, resources, ['limits'], 'Only limits are honoured.');
  const limits = isMap(resources.limits) ? resources.limits : {};
  report.others(`${path}.resources.limits`, limits, ['cpus', 'memory'], 'Only cpus and memory are honoured.');
  if (limits.cpus !== undefined) draft.cpu = text(limits.cpus, `${path}.resources.limits.cpus`);
  if (limits.memory !== undefined) readMemory({ draft }, limits.memory, `${path}.resources.limits.memory`);
}

function readMemory({ draft }: Pick<Reading, 'draft'>, value: unknown, path: string): void {
  draft.memory = memory(value);
  if (draft.memory === null) throw composeInvalid(path, 'must be an amount of memory such as 512m');
}

function readReplicas(draft: Draft, report: Report, value: unknown, path: string): void {
  const wanted = Number(scalar(value));
  if (!Number.isInteger(wanted) || wanted < 0) throw composeInvalid(path, 'must be a whole number');
  draft.replicas = Math.min(Math.max(wanted, 1), 20);
  if (draft.replicas !== wanted) report.changed(path, `A service has 1 to 20 containers: ${draft.replicas} was taken.`);
}
