import { hostLabel } from '#features/services/index.js';
import { isDatabase } from '#features/stacks/index.js';
import { planCompose } from './compose.plan.js';
import { HONOURED_KEYS } from './honoured-keys.js';
import { PLAIN_KEYS } from './plain-keys.js';

const planParts = (compose: string, options: Partial<Parameters<typeof planCompose>[0]> = {}) => {
  const identityOf = (name: string) => ({ id: name, alias: hostLabel(name), slug: hostLabel(name) });
  return planCompose({ compose, variables: {}, profiles: [], ...options }, identityOf, 'local');
};
const plan = (...given: Parameters<typeof planParts>) => {
  const { parts, report } = planParts(...given);
  return { parts: parts.flatMap((part) => (isDatabase(part) ? [] : [part])), report };
};
/** One service `web` with these lines, each a key. */
const service = (...lines: string[]) => ['services:', '  web:', ...lines.map((line) => `    ${line}`)].join('\n');
const web = (...lines: string[]) => {
  const { parts, report } = plan(service('image: nginx:1.22', ...lines));
  return { ...(parts[0] as NonNullable<(typeof parts)[0]>), notes: report.notes };
};

describe('every key of the Compose Specification', () => {
  /** A value that asks for something, by key; https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json */
  const SAMPLES: Record<string, string> = {
    annotations: '{a: b}',
    attach: 'true',
    blkio_config: '{weight: 10}',
    build: './app',
    cap_add: '[SYS_ADMIN]',
    cap_drop: '[ALL]',
    cgroup: 'host',
    cgroup_parent: 'm',
    command: '[a]',
    configs: '[c]',
    container_name: 'c',
    cpu_count: '2',
    cpu_percent: '50',
    cpu_period: '100',
    cpu_quota: '50',
    cpu_rt_period: '100',
    cpu_rt_runtime: '50',
    cpu_shares: '10',
    cpus: '"0.5"',
    cpuset: '0-1',
    credential_spec: '{file: f}',
    depends_on: '[other]',
    deploy: '{replicas: 3}',
    develop: '{watch: []}',
    device_cgroup_rules: '["c 1:3 mr"]',
    devices: '["/dev/sda:/dev/sda"]',
    dns: '1.1.1.1',
    dns_opt: '[a]',
    dns_search: 'a',
    domainname: 'a',
    entrypoint: '[a]',
    env_file: '.env',
    environment: '{A: b}',
    expose: '["90"]',
    extends: '{service: a}',
    external_links: '[a]',
    extra_hosts: '["a:1.2.3.4"]',
    gpus: 'all',
    group_add: '[a]',
    healthcheck: '{interval: 1s}',
    hostname: 'a',
    image: 'nginx:1.23',
    init: 'true',
    ipc: 'host',
    isolation: 'a',
    label_file: 'a',
    labels: '{a: b}',
    links: '[a]',
    logging: '{driver: a}',
    mac_address: 'a',
    mem_limit: '64m',
    mem_reservation: '32m',
    mem_swappiness: '1',
    memswap_limit: '1g',
    models: '[a]',
    network_mode: 'host',
    networks: '[a]',
    oom_kill_disable: 'true',
    oom_score_adj: '1',
    pid: 'host',
    pids_limit: '10',
    platform: 'linux/arm64',
    ports: '["80"]',
    post_start: '[{command: a}]',
    pre_stop: '[{command: a}]',
    privileged: 'true',
    profiles: '[a]',
    provider: '{type: a}',
    pull_policy: 'always',
    read_only: 'true',
    restart: '"no"',
    runtime: 'runsc',
    scale: '2',
    secrets: '[a]',
    security_opt: '["seccomp:unconfined"]',
    shm_size: '1g',
    stdin_open: 'true',
    stop_grace_period: '5s',
    stop_signal: 'SIGINT',
    storage_opt: '{size: 1G}',
    sysctls: '{a: 1}',
    tmpfs: '/run',
    tty: 'true',
    ulimits: '{nproc: 1}',
    use_api_socket: 'true',
    user: 'root',
    userns_mode: 'host',
    uts: 'host',
    volumes: '["data:/data"]',
    volumes_from: '[a]',
    working_dir: '/app',
    'x-mine': 'a',
  };
  const bare = JSON.stringify(plan('services: {web: {image: "nginx:1.22"}, other: {image: "nginx:1.22"}}').parts);
  /** Nothing to do: ports inside the project are open, and the profile was asked for. */
  const WITHOUT_TRACE = ['expose', 'profiles'];

  it('is in one of the two tables, and no other is', () => {
    const tables = [...Object.keys(HONOURED_KEYS), ...Object.keys(PLAIN_KEYS)];
    expect([...tables, 'x-mine'].sort()).toEqual(Object.keys(SAMPLES).sort());
  });

  it.each(Object.entries(SAMPLES))('%s is honoured or reported', (key, value) => {
    const body = key === 'image' ? '' : 'image: "nginx:1.22", ';
    const { parts, report } = plan(`services: {web: {${body}${key}: ${value}}, other: {image: "nginx:1.22"}}`, {
      profiles: ['a'],
    });
    const reported = report.notes.some(({ path }) => path.startsWith(`services.web.${key}`));
    const honoured = JSON.stringify(parts) !== bare;
    expect(reported || honoured || WITHOUT_TRACE.includes(key)).toBe(true);
  });

  it('that is unknown is reported too', () => {
    expect(web('imgae: a').notes).toContainEqual(
      expect.objectContaining({ path: 'services.web.imgae', action: 'ignored' }),
    );
  });
});

describe('what would break isolation', () => {
  it.each([
    ['privileged: true', 'privileged'],
    ['network_mode: host', 'network_mode'],
    ['pid: host', 'pid'],
    ['ipc: host', 'ipc'],
    ['userns_mode: host', 'userns_mode'],
    ['devices: [/dev/kmsg]', 'devices'],
    ['cap_add: [NET_ADMIN]', 'cap_add'],
    ['security_opt: ["apparmor:unconfined"]', 'security_opt'],
    ['volumes_from: [other]', 'volumes_from'],
    ['use_api_socket: true', 'use_api_socket'],
    ['env_file: /etc/passwd', 'env_file'],
    ['volumes: ["/var/run/docker.sock:/var/run/docker.sock"]', 'volumes[0]'],
    ['volumes: ["./data:/data"]', 'volumes[0]'],
    ['volumes: ["~/data:/data"]', 'volumes[0]'],
    ['volumes: ["${HOST}:/data"]', 'volumes[0]'],
    ['volumes: ["C:\\\\data:/data"]', 'volumes[0]'],
    ['volumes: [{type: bind, source: /, target: /data}]', 'volumes[0]'],
  ])('%s is refused', (line, where) => {
    const { parts, report } = plan(service('image: nginx:1.22', line), { variables: { HOST: '/etc' } });
    expect(report.notes).toContainEqual(expect.objectContaining({ path: `services.web.${where}`, action: 'refused' }));
    expect(JSON.stringify(parts)).not.toMatch(/privileged|host_|docker\.sock|\/etc|bind/);
    expect(parts[0]?.request.volumes).toEqual([]);
  });

  it('also hidden in the driver options of a volume', () => {
    const text = `${service('image: nginx:1.22', 'volumes: ["v:/data"]')}\nvolumes: {v: {driver_opts: {type: none, o: bind, device: /etc}}}`;
    expect(plan(text).report.notes).toContainEqual(
      expect.objectContaining({ path: 'volumes.v.driver_opts', action: 'refused' }),
    );
  });

  it('is not reported when it asks for nothing', () => {
    expect(web('privileged: false', 'devices: []', 'cap_add: []', 'tty: false').notes).toEqual([]);
  });
});

describe('a service', () => {
  it('has what the file says', () => {
    const made = web(
      'command: ["serve", "--name", "a b"]',
      'environment: [A=1, "B=x=y", DB_PASSWORD=secret]',
      'ports: ["80"]',
      'volumes: ["data:/data", "Cache:/cache"]',
      'mem_limit: 256m',
      'deploy: {replicas: 2, resources: {limits: {cpus: "0.5"}}}',
      'stop_grace_period: 1m30s',
      'restart: always',
    );
    expect(made.request).toMatchObject({
      name: 'web',
      type: 'web',
      port: 80,
      replicas: 2,
      source: { type: 'image', image: 'nginx:1.22' },
      build_config: { arguments: ['serve', '--name', 'a b'] },
      resources: { cpu: '0.5', memory: '256Mi' },
      volumes: [
        { name: 'data', mount_path: '/data' },
        { name: 'cache', mount_path: '/cache' },
      ],
      stop_grace_period: 90,
    });
    expect(made.variables).toEqual({
      A: { value: '1', secret: false },
      B: { value: 'x=y', secret: false },
      DB_PASSWORD: { value: 'secret', secret: true },
    });
    expect(made.notes.map(({ path }) => path)).toEqual(['services.web.volumes[1]']);
  });

  it.each([
    [`command: serve --name "a b" 'c d' e\\ f`, { arguments: ['serve', '--name', 'a b', 'c d', 'e f'] }],
    ['entrypoint: ["/run", "-x"]', { entrypoint: ['/run', '-x'] }],
    ['entrypoint: /run', { entrypoint: ['/run'] }],
  ])('%s', (line, expected) => expect(web(line).request.build_config).toEqual(expected));

  it.each([
    ['"80"', 80, []],
    ['"8080:80"', 80, ['changed']],
    ['"127.0.0.1:8080:80/tcp"', 80, ['changed']],
    ['8080', 8080, []],
    ['"53:53/udp"', null, ['ignored']],
    ['"3000-3002"', 3000, ['ignored']],
    ['{target: 80, published: "8080"}', 80, ['changed']],
    ['{target: 80, mode: host}', 80, ['ignored']],
  ])('port %s', (port, expected, actions) => {
    const { request, notes } = web(`ports: [${port}]`);
    expect([request.port ?? null, notes.map(({ action }) => action)]).toEqual([expected, actions]);
    expect(request.type).toBe(expected === null ? 'worker' : 'web');
  });

  it('is asked over HTTP where its health check asks its own port', () => {
    const test = (command: string) => web('ports: ["80"]', `healthcheck: {test: ${command}}`);
    expect(test('["CMD", "curl", "-f", "http://localhost/health"]').request.health_check_path).toBe('/health');
    expect(test('"wget -qO- 127.0.0.1:80/ping || exit 1"').request.health_check_path).toBe('/ping');
    expect(test('"curl localhost:9000/ping"').request.health_check_path).toBeUndefined();
    expect(test('"pg_isready"').notes).toMatchObject([{ path: 'services.web.healthcheck.test', action: 'ignored' }]);
  });

  it('that is a database is private', () => {
    const { parts, report } = plan('services: {my_db: {image: "postgres:16", ports: ["5432:5432"]}}');
    expect(parts[0]).toMatchObject({ kind: 'database', request: { type: 'worker', port: 5432 } });
    expect(report.notes.map(({ path, action }) => [path, action])).toEqual([
      ['services.my_db.ports[0]', 'changed'],
      ['services.my_db.ports[0]', 'changed'],
      ['services.my_db', 'changed'],
      ['services.my_db', 'changed'],
    ]);
  });

  describe('that is a database', () => {
    const only = (...lines: string[]) => {
      const { parts, report } = planParts(service(...lines));
      return { part: parts[0], notes: report.notes.filter(({ path }) => path === 'services.web') };
    };
    const POSTGRES = 'environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: long enough}';

    it.each([
      ['postgresql', '17.4', ['image: postgres:17', POSTGRES, 'volumes: ["data:/var/lib/postgresql/data"]']],
      [
        'postgresql',
        '15.18',
        ['image: docker.io/library/postgres:15.18', POSTGRES.replace('}', ', POSTGRES_DB: app}')],
      ],
      [
        'mariadb',
        '10.11.18',
        [
          'image: mariadb:10.11',
          'environment: {MYSQL_USER: app, MYSQL_PASSWORD: long enough, MYSQL_DATABASE: app, MARIADB_RANDOM_ROOT_PASSWORD: "1"}',
        ],
      ],
      [
        'redis',
        '7.0.15',
        ['image: redis:7', 'command: [redis-server, --requirepass, long enough, --appendonly, "yes"]'],
      ],
    ])('is a managed %s %s when it needs nothing else', (type, version, lines) => {
      const { part, notes } = only(...lines);
      expect(part).toMatchObject({
        kind: 'database',
        name: 'web',
        password: 'long enough',
        database: { type, version, plan: 'starter', region: 'local' },
      });
      expect(notes).toMatchObject([{ action: 'changed', reason: expect.stringContaining('managed database') }]);
    });

    it.each([
      ['another tag', ['image: postgres:17-alpine', POSTGRES], /versions 15\.18/],
      ['no tag', ['image: postgres', POSTGRES], /versions 15\.18/],
      ['a digest', [`image: postgres@sha256:${'a'.repeat(64)}`, POSTGRES], /not the official one/],
      ['an extended image', ['image: pgvector/pgvector:15', POSTGRES], /not the official one/],
      ['another user', ['image: postgres:17', 'environment: {POSTGRES_PASSWORD: long enough}'], /POSTGRES_USER=app/],
      ['another database', ['image: postgres:17', POSTGRES.replace('}', ', POSTGRES_DB: shop}')], /POSTGRES_DB=app/],
      ['another setting', ['image: postgres:17', POSTGRES.replace('}', ', PGDATA: /d}')], /nothing else/],
      ['arguments', ['image: postgres:17', POSTGRES, 'command: [postgres, -c, fsync=off]'], /nothing else/],
      ['a short password', ['image: postgres:17', POSTGRES.replace('long enough', 'short')], /8 to 128/],
      ['limits', ['image: postgres:17', POSTGRES, 'mem_limit: 1g'], /plan/],
      ['another volume', ['image: postgres:17', POSTGRES, 'volumes: ["init:/docker-entrypoint-initdb.d"]'], /initdb/],
      ['a root password', ['image: mariadb:10.11', 'environment: {MARIADB_ROOT_PASSWORD: long enough}'], /RANDOM_ROOT/],
      ['no password', ['image: redis:7'], /requirepass/],
      ['another option', ['image: redis:7', 'command: redis-server --requirepass longenough --save 1'], /requirepass/],
      ['an engine of another login', ['image: mongo:7.0.16'], /login/],
    ])('stays a private service, with the reason, for %s', (_what, lines, reason) => {
      const { part, notes } = only(...lines);
      expect(part).toMatchObject({ kind: 'database', request: { type: 'worker' } });
      expect(notes).toMatchObject([{ action: 'changed', reason: expect.stringMatching(reason) }]);
    });
  });

  it('is built from the repository that is given, from that of its context, or after a push', () => {
    const build = 'services: {web: {build: {context: ./app, dockerfile: D, args: {A: 1}, target: t}}}';
    const pushed = plan(build);
    expect(pushed.parts[0]).toMatchObject({
      deploy: false,
      request: { source: { root_directory: 'app', dockerfile: 'D' } },
    });
    expect(pushed.report.notes.map(({ path }) => path)).toEqual(['services.web.build.target', 'services.web.build']);
    const given = plan(build, { repository: 'https://example.com/a.git', branch: 'main' }).parts[0];
    expect(given).toMatchObject({
      deploy: true,
      request: {
        source: { repository: 'https://example.com/a.git', branch: 'main' },
        build_config: { environment_variables: { A: '1' } },
      },
    });
    const own = plan('services: {web: {build: "https://example.com/b.git#v1:docker"}}').parts[0];
    expect(own?.request.source).toMatchObject({
      repository: 'https://example.com/b.git',
      branch: 'v1',
      root_directory: 'docker',
    });
  });

  it('starts after what it depends on', () => {
    const text = `services:
  web: {image: "a:1", depends_on: {db: {condition: service_healthy}, queue: {condition: service_started, restart: true}}}
  queue: {image: "b:1", depends_on: [db]}
  db: {image: "c:1"}`;
    const { parts, report } = plan(text);
    expect(parts.map(({ key, after }) => [key, after])).toEqual([
      ['db', []],
      ['queue', ['db']],
      ['web', ['db', 'queue']],
    ]);
    expect(report.notes.map(({ path }) => path)).toEqual(['services.web.depends_on.queue.restart']);
  });

  it('of another profile is left out, and what waited for it does not', () => {
    const text = 'services: {web: {image: "a:1", depends_on: [debug]}, debug: {image: "b:1", profiles: [dev]}}';
    const { parts, report } = plan(text);
    expect(parts.map(({ key }) => key)).toEqual(['web']);
    expect(report.notes.map(({ path }) => path)).toEqual(['services.debug', 'services.web.depends_on']);
    expect(plan(text, { profiles: ['dev'] }).parts.map(({ key }) => key)).toEqual(['debug', 'web']);
  });

  it('does not share a volume', () => {
    const text = 'services: {a: {image: "a:1", volumes: ["vol:/v"]}, b: {image: "b:1", volumes: ["vol:/v:ro"]}}';
    expect(plan(text).report.notes.map(({ path }) => path)).toEqual(['services.b.volumes[0]', 'services.b.volumes[0]']);
  });
});

describe('variables', () => {
  const value = (text: string, variables: Record<string, string> = {}) => {
    const { parts, report } = plan(service('image: nginx:1.22', `environment: {V: '${text}'}`), { variables });
    return [parts[0]?.variables.V?.value, report.notes.length];
  };
  it.each([
    ['$A-${A}', { A: 'x' }, 'x-x', 0],
    ['$$A', { A: 'x' }, '$A', 0],
    ['${A:-d}', { A: '' }, 'd', 0],
    ['${A-d}', { A: '' }, '', 0],
    ['${A:-${B:-c}}', {}, 'c', 0],
    ['${A:+r}', { A: 'x' }, 'r', 0],
    ['${A:+r}', {}, '', 0],
    ['a${A}b', {}, 'ab', 1],
    ['100$', {}, '100$', 0],
    ['${toString}', {}, '', 1],
  ])('%s with %j', (text, variables, expected, notes) => {
    expect(value(text, variables as Record<string, string>)).toEqual([expected, notes]);
  });
  it.each([
    ['${A:?say it}', /variable A needs a value \(say it\)/],
    ['${A', /without closing/],
    ['${A B}', /not a variable/],
  ])('%s is refused', (text, words) => expect(() => value(text)).toThrow(words));
});

describe('a text is refused when', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
    .concat(
      Array.from({ length: 8 }, (_, level) => {
        const [name, of] = [String.fromCharCode(98 + level), String.fromCharCode(97 + level)];
        return `${name}: &${name} [${Array(10).fill(`*${of}`).join(', ')}]`;
      }),
    )
    .join('\n');
  it.each([
    ['it is no map', 'just a text', /must be a map/],
    ['it is not YAML', 'services: [', /not valid/],
    ['a key is there twice', 'services: {}\nservices: {}', /unique/i],
    ['it has no service', 'services: {}', /no service/],
    ['aliases multiply', `${bomb}\nservices: {}`, /alias/i],
    ['it is nested too deeply', `services: ${'['.repeat(50_000)}`, /nested too deeply|not valid/],
    [
      'it is nested deeply by indentation',
      `services:${Array.from({ length: 60 }, (_, n) => `\n${' '.repeat(n + 1)}a:`).join('')} 1`,
      /nested too deeply/,
    ],
    [
      'it has too many keys',
      `services: {}\n${Array.from({ length: 10_001 }, (_, n) => `k${n}: 1`).join('\n')}`,
      /too large/,
    ],
    ['maps are nested too deeply', '{a: '.repeat(20_000), /nested too deeply/],
    ['it makes a prototype', 'services: {web: {image: "a:1", environment: {__proto__: {a: b}}}}', /__proto__/],
    [
      'services need each other',
      'services: {a: {image: "a:1", depends_on: [b]}, b: {image: "b:1", depends_on: [a]}}',
      /a -> b -> a/,
    ],
    ['two have one host name', 'services: {a_b: {image: "a:1"}, a-b: {image: "b:1"}}', /host name "a-b"/],
    ['an image is none', 'services: {web: {image: "--bad"}}', /services\.web: source\.image/],
    ['a port is none', 'services: {web: {image: "a:1", ports: ["99999"]}}', /not a port/],
    ['no service can be made', 'services: {web: {extends: {service: a}}}', /none of them/],
    ['a quote has no partner', 'services: {web: {image: "a:1", command: "a \'b"}}', /quote/],
  ])('%s', (_what, text, words) => {
    expect(() => plan(text)).toThrow(words);
    expect(() => plan(text)).toThrow(expect.objectContaining({ code: 'compose_invalid' }));
  });

  it('merge keys and anchors of ordinary size are fine', () => {
    const text = `x-base: &base {restart: always, environment: {A: "1"}}
services:
  web: {<<: *base, image: "a:1"}
  worker: {<<: *base, image: "b:1"}`;
    const { parts, report } = plan(text);
    expect(parts.map(({ variables }) => variables.A?.value)).toEqual(['1', '1']);
    expect(report.notes.map(({ path }) => path)).toEqual(['x-base']);
  });
});
