import { createServiceRequest, parseBytes, parseCpus } from '#contracts/services.js';
import { hostLabel, nextRun, requireConsistent } from './services.rules.js';
import { serviceStatus } from './services.state.js';

const valid = (fields: object) => createServiceRequest.safeParse({ name: 'web', type: 'web', ...fields }).success;

describe('a service', () => {
  it.each([
    [{ source: { type: 'git', repository: 'https://github.com/owner/repository.git' } }],
    [{ source: { type: 'image', image: 'registry.example.com:5000/team/app:v1.2' } }],
    [{ source: { type: 'git', branch: 'feature/x', root_directory: 'packages/api/', dockerfile: './Dockerfile' } }],
    [{ resources: { cpu: '500m', memory: '512Mi', storage: 10737418240 } }],
    [{ volumes: [{ name: 'data', mount_path: '/var/lib/data/' }] }],
  ])('may be %j', (fields) => expect(valid(fields)).toBe(true));

  it.each([
    ['file URL', { source: { repository: 'file:///etc' } }],
    ['ssh address', { source: { repository: 'git@github.com:owner/repository.git' } }],
    ['credentials in the URL', { source: { repository: 'https://u:p@example.com/r.git' } }],
    ['option as a branch', { source: { branch: '--upload-pack=x' } }],
    ['branch with ..', { source: { branch: 'a..b' } }],
    ['absolute root_directory', { source: { root_directory: '/etc' } }],
    ['root_directory with ..', { source: { root_directory: 'a/../../b' } }],
    ['image without a name', { source: { type: 'image' } }],
    ['image reference with upper case', { source: { type: 'image', image: 'Nginx' } }],
    ['negative cpu', { resources: { cpu: '-1' } }],
    ['absurd cpu', { resources: { cpu: '100000' } }],
    ['negative memory', { resources: { memory: '-512Mi' } }],
    ['absurd memory', { resources: { memory: '999999Ti' } }],
    ['no replicas', { replicas: 0 }],
    ['1000 replicas', { replicas: 1000 }],
    ['a name of 300 characters', { name: 'x'.repeat(300) }],
    ['control characters in the name', { name: 'a\u0007b' }],
    ['volume at /', { volumes: [{ name: 'data', mount_path: '/' }] }],
    ['volume at /proc', { volumes: [{ name: 'data', mount_path: '/proc/x' }] }],
    [
      'two volumes of one name',
      {
        volumes: [
          { name: 'a', mount_path: '/a' },
          { name: 'a', mount_path: '/b' },
        ],
      },
    ],
    ['port 0', { port: 0 }],
    ['relative health path', { health_check_path: 'health' }],
  ])('may not have: %s', (_what, fields) => expect(valid(fields)).toBe(false));
});

describe('amounts', () => {
  it.each([
    ['512Mi', 536870912],
    ['512MB', 512e6],
    ['1g', 1e9],
    ['1.5Gi', 1610612736],
    ['100', 100],
    ['x', null],
    ['-1', null],
  ])('%s of memory', (text, bytes) => expect(parseBytes(text)).toBe(bytes));
  it.each([
    ['0.5', 0.5],
    ['500m', 0.5],
    ['2', 2],
    ['two', null],
  ])('%s of cpu', (text, cpus) => expect(parseCpus(text)).toBe(cpus));
});

describe('schedules', () => {
  const from = new Date('2026-01-01T00:00:00Z');
  it('count in their time zone', () => {
    expect(nextRun('0 12 * * *', 'Europe/Berlin', from)?.toISOString()).toBe('2026-01-01T11:00:00.000Z');
  });
  it.each(['* * * *', '* * * * * *', '61 * * * *', 'often'])('refuse %s', (text) =>
    expect(() => nextRun(text, null, from)).toThrow(/schedule/));
  it('refuse unknown time zones', () => expect(() => nextRun('* * * * *', 'Mars/Base', from)).toThrow(/time zone/));
  const cron = { type: 'cron', schedule: '* * * * *', timeZone: null, replicas: 1 };
  it.each([
    ['schedule_required', { ...cron, schedule: null }],
    ['replicas_not_allowed', { ...cron, replicas: 2 }],
    ['schedule_not_allowed', { ...cron, type: 'web' }],
  ])('%s', (code, shape) => expect(() => requireConsistent(shape)).toThrow(expect.objectContaining({ code })));
});

it.each([
  ['My App!', 'my-app'],
  ['Café', 'cafe'],
  ['🚀', 'app'],
  ['-x-', 'x'],
  ['a'.repeat(60), 'a'.repeat(40)],
])('host label of %s', (name, label) => expect(hostLabel(name)).toBe(label));

it.each([
  ['running', true, 'failed', 'running'],
  ['running', true, 'building', 'running'],
  ['running', false, 'building', 'building'],
  ['stopped', true, 'deploying', 'building'],
  ['stopped', true, 'running', 'stopped'],
  ['running', false, 'failed', 'failed'],
  ['running', false, 'cancelled', 'stopped'],
  ['running', false, null, 'stopped'],
] as const)('wanted %s, live %s, newest %s: %s', (wanted, live, newest, expected) =>
  expect(serviceStatus(wanted, live, newest)).toBe(expected));
