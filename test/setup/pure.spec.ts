import { load } from './load.js';

describe('starting again', () => {
  const { backoff } = load('setup/lib/supervisor.mjs');

  it('waits twice as long after each death, up to 5 s', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 20].map(backoff)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });
});

describe('processes', () => {
  const { statFields, isAlive, self } = load('setup/lib/processes.mjs');

  it('reads /proc/<pid>/stat although the command name has spaces and brackets', () => {
    const stat = `7 (a ) b) S ${Array.from({ length: 49 }, (_, i) => i + 4).join(' ')}`;
    expect(statFields(stat)[0]).toBe('S');
    expect(statFields(stat)[19]).toBe('22');
  });

  it('takes no other process with the same pid for the one it knew', () => {
    expect(isAlive(self())).toBe(true);
    expect(isAlive({ ...self(), start: '1' })).toBe(false);
    expect(isAlive(null)).toBe(false);
  });
});

describe('address pool', () => {
  const { choosePool, parseRoutes, parseNameservers } = load('setup/lib/address-pool.mjs');
  const routes = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
  ].join('\n');

  it('reads the routes of the machine, without the default route and those of Docker', () => {
    expect(parseRoutes(`${routes}\n`)).toEqual(['192.0.2.0/24', '192.168.0.0/16']);
  });

  it('reads name servers', () => {
    expect(parseNameservers('search x\nnameserver 10.200.0.2\nnameserver ::1\n')).toEqual(['10.200.0.2/32']);
  });

  it.each([
    [[], '10.192.0.0/10'],
    [['10.255.255.53/32'], '10.64.0.0/10'],
    [['10.0.0.0/8'], '172.16.0.0/12'],
    [['10.0.0.0/8', '172.17.0.0/16'], null],
  ])('with %j in use chooses %j', (used, expected) => {
    expect(choosePool(used)).toBe(expected);
  });
});

describe('programs', () => {
  const { isDebianLike, missingMessage } = load('setup/lib/apt.mjs');

  it.each([
    ['ID=debian\n', true],
    ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', true],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', true],
    ['ID=fedora\n', false],
  ])('knows what descends from Debian: %j', (text, expected) => {
    expect(isDebianLike(text)).toBe(expected);
  });

  it('names everything missing at once, with the command that gets it', () => {
    const text = missingMessage(['redis-server', 'caddy'], { root: false, debian: true }).join('\n');
    expect(text).toContain('set REDIS_URL');
    expect(text).toContain('sudo apt-get install -y redis-server caddy');
  });
});

describe('PostgreSQL', () => {
  const { chooseServer } = load('setup/lib/postgres-server.mjs');
  const { postmasterPid } = load('setup/lib/postgres.mjs');
  const servers = [
    { major: '17', bin: '/17' },
    { major: '15', bin: '/15' },
  ];

  it('takes the newest for a new folder and the same version for an old one', () => {
    expect(chooseServer(servers, null).bin).toBe('/17');
    expect(chooseServer(servers, '15').bin).toBe('/15');
  });

  it('refuses a folder of a version that is not here, and says which', () => {
    expect(() => chooseServer(servers, '16')).toThrow(/PostgreSQL 16.*found: 17, 15/);
    expect(() => chooseServer([], null)).toThrow(/DATABASE_URL/);
  });

  it.each([
    ['4711\n/data\n', 4711],
    ['', null],
    ['-1\n', null],
    ['x\n', null],
  ])('reads the pid file %j as %j', (text, expected) => {
    expect(postmasterPid(text)).toBe(expected);
  });
});

describe('base images', () => {
  const { buildOrder, debianSources, sourcesFile } = load('images/recipes.mjs');

  it('builds what an image stands on first, once', () => {
    expect(buildOrder(['nginx:1.22', 'node:20-bookworm-slim'], new Set())).toEqual([
      'debian:bookworm-slim',
      'nginx:1.22',
      'node:20-bookworm-slim',
    ]);
    expect(buildOrder(['nginx:1.22'], new Set(['debian:bookworm-slim']))).toEqual(['nginx:1.22']);
  });

  it("takes the machine's own package sources of bookworm, main only", () => {
    const targets = [
      'http://mirror.test/debian/ bookworm main',
      'http://mirror.test/debian/ bookworm contrib',
      'http://mirror.test/debian-security/ bookworm-security main',
      'http://other.test/ nodistro main',
    ].join('\n');
    const sources = debianSources(targets);
    expect(sources).toEqual([
      { uri: 'http://mirror.test/debian', suite: 'bookworm', components: ['main'] },
      { uri: 'http://mirror.test/debian-security', suite: 'bookworm-security', components: ['main'] },
    ]);
    expect(sourcesFile(sources)).toContain('URIs: http://mirror.test/debian-security\nSuites: bookworm-security');
  });
});

describe('test runner', () => {
  const { selection, countsOf, total, closingLine, skippedLine, isGreen } = load('setup/test/suites.mjs');

  it('runs everything, the stories alone, when nothing is named', () => {
    expect(selection([])).toEqual({
      groups: [['small', 'medium', 'real'], ['e2e'], ['chaos']],
      patterns: [],
      servers: true,
      docker: true,
      build: true,
    });
  });

  it('starts no server for small tests', () => {
    expect(selection(['small', 'egress'])).toEqual({
      groups: [['small']],
      patterns: ['egress'],
      servers: false,
      docker: false,
      build: false,
    });
  });

  const report = {
    numPassedTests: 3,
    numFailedTests: 1,
    numRuntimeErrorTestSuites: 1,
    numPendingTests: 2,
    numTodoTests: 0,
  };

  it('counts a file that does not load, and a jest that does not finish, as a failure', () => {
    expect(countsOf(report)).toEqual({ passed: 3, failed: 2, skipped: 2 });
    expect(countsOf(null)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(total([countsOf(report), countsOf(null)])).toEqual({ passed: 3, failed: 3, skipped: 2 });
  });

  it('is green only when something ran and nothing failed', () => {
    expect(isGreen({ passed: 0, failed: 0, skipped: 5 })).toBe(false);
    expect(isGreen({ passed: 1, failed: 1, skipped: 0 })).toBe(false);
    expect(isGreen({ passed: 1, failed: 0, skipped: 0 })).toBe(true);
  });

  it('closes with the line that machines read', () => {
    expect(closingLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(closingLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed');
    expect([
      skippedLine({ passed: 3, failed: 1, skipped: 2 }),
      skippedLine({ passed: 3, failed: 1, skipped: 0 }),
    ]).toEqual([', 2 skipped', '']);
  });
});

describe('Docker address', () => {
  const { target } = load('setup/lib/engine.mjs');

  it('understands unix and tcp, and says so about the rest', () => {
    expect(target('unix:///run/x.sock', {})).toMatchObject({ socketPath: '/run/x.sock' });
    expect(target('tcp://10.0.0.5:2375', {})).toMatchObject({ host: '10.0.0.5', port: '2375' });
    expect(() => target('ssh://host', {})).toThrow(/only unix/);
  });
});
