import type { WorkloadSpec } from '../port.js';
import { CAPABILITIES, containerBody } from './container-body.js';
import { specHash } from './labels.js';

const spec: WorkloadSpec = {
  name: 'web-1',
  labels: { installation: 'i', project: 'p', service: 's', deployment: 'd', role: 'release', replica: 1 },
  image: 'sha256:abc',
  env: { A: '1', B: 'x=y' },
  network: 'net',
  aliases: ['web'],
  limits: { cpus: 0.25, memoryBytes: 1000, pids: 9 },
  mounts: [{ volume: 'v', path: '/data' }],
  restart: 'always',
  graceSeconds: 7,
};

describe('containerBody', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the engine's own shape
  const body = containerBody(spec) as Record<string, any>;

  it('publishes nothing, limits everything and drops what is not needed', () => {
    expect(body).not.toHaveProperty('HostConfig.PortBindings');
    expect(body.HostConfig).toMatchObject({
      NetworkMode: 'net',
      NanoCpus: 250_000_000,
      Memory: 1000,
      MemorySwap: 1000,
      PidsLimit: 9,
      CpuShares: 512,
      OomScoreAdj: 500,
      CapDrop: ['ALL'],
      CapAdd: CAPABILITIES,
      SecurityOpt: ['no-new-privileges'],
      RestartPolicy: { Name: 'unless-stopped' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '50m', 'max-file': '2' } },
    });
    expect(body.HostConfig.Mounts).toMatchObject([{ Type: 'volume', Source: 'v', Target: '/data' }]);
    expect(body).toMatchObject({ Env: ['A=1', 'B=x=y'], StopTimeout: 7 });
    expect(body.NetworkingConfig.EndpointsConfig.net.Aliases).toEqual(['web']);
    for (const risky of ['SYS_ADMIN', 'NET_ADMIN', 'NET_RAW', 'MKNOD', 'SYS_PTRACE'])
      expect(CAPABILITIES).not.toContain(risky);
  });

  it('replaces Entrypoint and Cmd together or not at all', () => {
    expect(body).not.toHaveProperty('Entrypoint');
    expect(containerBody({ ...spec, command: ['a', 'b', 'c'] })).toMatchObject({ Entrypoint: ['a'], Cmd: ['b', 'c'] });
    const argumentsOnly = containerBody({ ...spec, arguments: ['b', 'c'] });
    expect(argumentsOnly).toMatchObject({ Cmd: ['b', 'c'] });
    expect(argumentsOnly).not.toHaveProperty('Entrypoint');
  });

  it('labels', () => {
    expect(body.Labels).toEqual({
      'containr.installation': 'i',
      'containr.project': 'p',
      'containr.service': 's',
      'containr.deployment': 'd',
      'containr.role': 'release',
      'containr.replica': '1',
      'containr.spec': specHash(spec),
    });
  });
});

describe('specHash', () => {
  it('does not care for the order of keys, but for every value', () => {
    const reversed = Object.fromEntries(Object.entries(spec).reverse()) as unknown as WorkloadSpec;
    const shuffled = { ...reversed, env: { B: 'x=y', A: '1' } };
    expect(specHash(shuffled)).toBe(specHash(spec));
    expect(specHash({ ...spec, stopSignal: undefined })).toBe(specHash(spec));
    const changes: Partial<WorkloadSpec>[] = [
      { env: { A: '1' } },
      { aliases: [] },
      { graceSeconds: 8 },
      { command: [] },
    ];
    for (const change of changes) expect(specHash({ ...spec, ...change })).not.toBe(specHash(spec));
  });
});
