import { Conflict, Unavailable } from '#platform/errors.js';
import { runtimeConformance } from './conformance.js';
import { FakeRuntime } from './fake.js';
import type { RuntimeEvent, WorkloadSpec } from './port.js';

runtimeConformance('fake', async () => {
  const runtime = new FakeRuntime();
  runtime.addImage('fake/ticker:1', { exposedPorts: [3000] });
  let n = 0;
  const ticking = setInterval(() => {
    for (const { name, state } of runtime.workloads.values()) if (state === 'running') runtime.log(name, `tick ${n++}`);
  });
  return { runtime, image: 'fake/ticker:1', dispose: async () => clearInterval(ticking) };
});

describe('FakeRuntime as a tool for tests', () => {
  const owner = { installation: 'i' };
  const never = new AbortController().signal;
  const spec: WorkloadSpec = {
    name: 'web-1',
    labels: { ...owner, project: 'p', service: 's', deployment: 'd', role: 'release', replica: 0 },
    image: 'app:1',
    env: {},
    network: 'net',
    aliases: [],
    limits: { cpus: 1, memoryBytes: 1, pids: 1 },
    mounts: [],
    restart: 'always',
    graceSeconds: 1,
  };
  let runtime: FakeRuntime;

  beforeEach(async () => {
    runtime = new FakeRuntime();
    runtime.addImage('app:1', { healthcheck: { test: ['CMD', 'true'], timeoutMs: 1000 } });
    await runtime.networks.ensure('net', { ...owner, project: 'p' });
  });

  it('fails a verb before its effect, once', async () => {
    runtime.failNext('ensureRunning', new Unavailable('x', 'x'));
    await expect(runtime.ensureRunning(spec, never)).rejects.toBeInstanceOf(Unavailable);
    expect(runtime.workloads.size).toBe(0);
    await runtime.ensureRunning(spec, never);
    expect(runtime.workloads.get('web-1')?.state).toBe('running');
  });

  it('fails a verb after its effect', async () => {
    runtime.failNext('ensureRunning', new Conflict('x', 'x'), { after: true });
    await expect(runtime.ensureRunning(spec, never)).rejects.toBeInstanceOf(Conflict);
    expect(runtime.workloads.get('web-1')?.state).toBe('running');
  });

  it('crashes, restarts, changes health and tells so', async () => {
    const abort = new AbortController();
    const events = runtime.events(owner, abort.signal);
    const first = events.next();
    await runtime.ensureRunning(spec, never);
    expect(runtime.workloads.get('web-1')?.health).toBe('starting');
    runtime.crash('web-1', { oomKilled: true });
    runtime.setHealth('web-1', 'healthy');
    runtime.loseEvents();
    const kinds = [(await first).value?.kind];
    while (kinds.length < 5) kinds.push(((await events.next()).value as RuntimeEvent).kind);
    expect(kinds).toEqual(['started', 'died', 'started', 'health', 'lost']);
    expect(await runtime.find('web-1', owner)).toMatchObject({ restarts: 1, state: 'running', health: 'healthy' });
    abort.abort();
  });

  it('can be switched off', async () => {
    runtime.unreachable = true;
    await expect(runtime.observe(owner)).rejects.toBeInstanceOf(Unavailable);
    await expect(runtime.images.find('app:1')).rejects.toBeInstanceOf(Unavailable);
    runtime.unreachable = false;
    expect(await runtime.observe(owner)).toEqual([]);
    expect(runtime.calls).toContain('images.find app:1');
  });
});
