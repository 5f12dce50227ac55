/** Texts from outside: addresses, references, kernel tables, times. */
import { Invalid } from '#platform/errors.js';
import { engineAddress, isLocal } from './address.js';
import { parseImageRef } from './image-ref.js';
import { factsOf } from './images.js';
import { parseListening } from './proc-net.js';
import { freeSubnets } from './subnets.js';
import { fixedTimestamp, sinceParameter } from './timestamps.js';

describe('engineAddress', () => {
  it.each([
    ['', { protocol: 'http', socketPath: '/var/run/docker.sock' }],
    ['unix:///run/user/0/d.sock', { protocol: 'http', socketPath: '/run/user/0/d.sock' }],
    ['tcp://10.0.0.5', { protocol: 'http', host: '10.0.0.5', port: 2375 }],
    ['tcp://[fd00::1]:99', { protocol: 'http', host: 'fd00::1', port: 99 }],
    ['http://proxy:80', { protocol: 'http', host: 'proxy', port: 80 }],
    ['https://docker.example:443', { protocol: 'https', host: 'docker.example', port: 443 }],
  ])('%s', (text, address) => expect(engineAddress(text)).toEqual(address));

  it('speaks TLS when given certificates', () => {
    const tls = { ca: 'a', cert: 'b', key: 'c' };
    expect(engineAddress('tcp://h', tls)).toEqual({ protocol: 'https', host: 'h', port: 2376, ...tls });
  });

  it.each(['ssh://h', 'unix://relative', 'nonsense', 'tcp://'])('refuses %s', (text) => {
    expect(() => engineAddress(text)).toThrow(Invalid);
  });

  it('knows which engines are on this machine', () => {
    expect(['', 'tcp://127.0.0.1:1', 'tcp://10.0.0.5:1'].map((text) => isLocal(engineAddress(text)))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('freeSubnets', () => {
  const first = (taken: string[]) => freeSubnets(taken).next().value;

  it('gives 1024 blocks that do not overlap', () => {
    const all = [...freeSubnets([])];
    expect([all.length, all[0], all[4], all.at(-1)]).toEqual([
      1024,
      '10.201.0.0/26',
      '10.201.1.0/26',
      '10.201.255.192/26',
    ]);
  });

  it.each([
    [['10.201.0.0/26'], '10.201.0.64/26'],
    [['10.201.0.70/32'], '10.201.0.0/26'],
    [['10.201.0.1/32', '10.201.0.127/32'], '10.201.0.128/26'],
    [['10.201.0.0/17', 'fd00::/64', '', 'junk'], '10.201.128.0/26'],
    [['172.17.0.0/16'], '10.201.0.0/26'],
    [['10.0.0.0/8'], undefined],
  ])('%j', (taken, subnet) => expect(first(taken)).toBe(subnet));
});

describe('parseImageRef', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  it.each([
    ['nginx', { id: null, repository: 'nginx', tag: 'latest' }],
    ['node:20-bookworm-slim', { id: null, repository: 'node', tag: '20-bookworm-slim' }],
    ['localhost:5000/a/b_c:1', { id: null, repository: 'localhost:5000/a/b_c', tag: '1' }],
    [`ghcr.io/x/y:1@${digest}`, { id: null, repository: 'ghcr.io/x/y', tag: digest }],
    [digest, { id: digest, repository: '', tag: '' }],
  ])('%s', (ref, parsed) => expect(parseImageRef(ref)).toEqual(parsed));

  it.each([
    '',
    'A',
    'a:',
    'a@sha256:1',
    'a//b',
    'a b',
    'a?x',
    'a#x',
    '-a',
    'a/../b',
    `${'a'.repeat(300)}`,
    'a\n',
  ])('refuses %j', (ref) => {
    expect(() => parseImageRef(ref)).toThrow(expect.objectContaining({ code: 'image_ref_invalid' }));
  });
});

describe('factsOf', () => {
  it('reads ports, health test and digest', () => {
    const Config = {
      ExposedPorts: { '8080/tcp': {}, '53/udp': {}, '443/tcp': {} },
      Healthcheck: { Test: ['CMD', 'true'], Timeout: 2_000_000_000 },
      Entrypoint: null,
      Cmd: ['x'],
      Labels: null,
    };
    const facts = factsOf({ Id: 'sha256:1', Size: 5, RepoDigests: ['a@sha256:2'], Config });
    expect(facts).toEqual({
      id: 'sha256:1',
      sizeBytes: 5,
      touchedAt: new Date(0),
      digest: 'sha256:2',
      exposedPorts: [443, 8080],
      healthcheck: { test: ['CMD', 'true'], timeoutMs: 2000 },
      entrypoint: [],
      cmd: ['x'],
      labels: {},
    });
    const none = { Id: 'i', Size: 0, RepoDigests: null, Config: { Healthcheck: { Test: ['NONE'] } } };
    expect(factsOf(none)).toMatchObject({ healthcheck: null, digest: null, exposedPorts: [] });
  });
});

describe('parseListening', () => {
  const row = (local: string, state: string) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 0 0 1`;
  it('reads both tables and only what listens', () => {
    const tables = [
      '  sl  local_address rem_address   st tx_queue',
      row('0100007F:1F90', '0A'),
      row('00000000:0BB8', '0A'),
      row('00000000:0BB8', '0A'),
      row('0100007F:C350', '01'),
      row('00000000000000000000000000000000:0050', '0A'),
      row('00000000000000000000000001000000:0051', '0A'),
    ].join('\n');
    expect(parseListening(tables)).toEqual([
      { address: '::', port: 80 },
      { address: '::1', port: 81 },
      { address: '0.0.0.0', port: 3000 },
      { address: '127.0.0.1', port: 8080 },
    ]);
    expect(parseListening('cat: not found')).toEqual([]);
  });
});

describe('timestamps', () => {
  it('are fixed to UTC and nine digits', () => {
    expect(fixedTimestamp('2026-01-02T03:04:05Z')).toBe('2026-01-02T03:04:05.000000000Z');
    expect(fixedTimestamp('2026-01-02T03:04:05.12-02:30')).toBe('2026-01-02T05:34:05.120000000Z');
    expect(sinceParameter('2026-01-02T03:04:05.000000007Z')).toBe('1767323045.000000007');
    for (const bad of ['', '2026', '2026-13-02T03:04:05Z', '2026-01-02 03:04:05Z'])
      expect(() => fixedTimestamp(bad)).toThrow(Invalid);
  });
});
