/** Races and refusals that a healthy engine cannot be asked for. */
import { answer, never, owner, ScriptedRuntime, spec } from '../testing/scripted-engine.js';

const scripted = new ScriptedRuntime();

describe('ensureRunning', () => {
  it('takes two calls when the name is free', async () => {
    await scripted.play(({ path }, response) =>
      path.endsWith('/create') ? answer(response, 201, { Id: 'c1' }) : answer(response, 204),
    );
    expect(await scripted.runtime.ensureRunning(spec, never)).toEqual({ id: 'c1', name: 'web-1' });
    expect(scripted.seen()).toEqual(['POST /containers/create', 'POST /containers/c1/start']);
  });

  it('begins again when the container vanishes between create and start', async () => {
    let made = 0;
    await scripted.play(({ path }, response) => {
      if (path.endsWith('/create')) answer(response, 201, { Id: `c${++made}` });
      else if (made < 2) answer(response, 404, { message: 'No such container: c1' });
      else answer(response, 204);
    });
    expect((await scripted.runtime.ensureRunning(spec, never)).id).toBe('c2');
  });

  it('asks for a free address where the network allows it, and for another when that was given away meanwhile', async () => {
    const network = { Id: 'n', Name: 'net', IPAM: { Config: [{ Subnet: '10.9.8.0/29' }] } };
    const labels = { 'containr.installation': 'i', 'containr.addresses': 'fixed' };
    const asked: string[] = [];
    await scripted.play(({ method, path, body }, response) => {
      if (path === '/networks') answer(response, 200, [{ ...network, Labels: labels }]);
      else if (path === '/containers/json') answer(response, 200, stopped(['10.9.8.2', '10.9.8.3', '10.9.8.5']));
      else if (method === 'DELETE') answer(response, 204);
      else if (path.endsWith('/create')) {
        asked.push(body.NetworkingConfig.EndpointsConfig.net.IPAMConfig.IPv4Address);
        answer(response, 201, { Id: `c${asked.length}` });
      } else if (asked.length === 1) answer(response, 403, { message: 'Address already in use' });
      else answer(response, 204);
    });
    await scripted.runtime.networks.ensure('net', { ...owner, project: 'p' });
    expect((await scripted.runtime.ensureRunning(spec, never)).id).toBe('c2');
    expect(asked.sort()).toEqual(['10.9.8.4', '10.9.8.6']);
    await expect(scripted.runtime.ensureRunning(spec, never)).rejects.toMatchObject({ code: 'network_full' });
  });

  it('begins again when the engine was killed while it started the container and still holds its process', async () => {
    let made = 0;
    await scripted.play(({ method, path }, response) => {
      if (path.endsWith('/create')) answer(response, 201, { Id: `c${++made}` });
      else if (method === 'DELETE') answer(response, 204);
      else if (made < 2) answer(response, 500, { message: 'task c1: already exists: unknown' });
      else answer(response, 204);
    });
    expect((await scripted.runtime.ensureRunning(spec, never)).id).toBe('c2');
    expect(scripted.seen()).toContain('DELETE /containers/c1');
  });

  it('does not try for ever', async () => {
    await scripted.play(({ path }, response) =>
      path.endsWith('/create')
        ? answer(response, 409, { message: 'in use' })
        : answer(response, 404, { message: 'No such container' }),
    );
    await expect(scripted.runtime.ensureRunning(spec, never)).rejects.toMatchObject({ code: 'container_contended' });
  });
});

const stopped = (addresses: string[]) =>
  addresses.map((IPv4Address, index) => ({
    Id: `old-${index}`,
    Names: [`/old-${index}`],
    NetworkSettings: { Networks: { net: { IPAddress: '', IPAMConfig: { IPv4Address } } } },
  }));

describe('ensureAbsent', () => {
  const container = (Status: string) => ({
    Id: 'c1',
    Name: '/web-1',
    State: { Status, Running: Status === 'running' },
    Config: { Labels: { 'containr.installation': 'i' }, StopTimeout: 3 },
  });

  it('waits for a removal that somebody else began', async () => {
    await scripted.play(({ method, path }, response) => {
      if (method === 'GET') answer(response, 200, container('removing'));
      else if (method === 'DELETE')
        answer(response, 409, { message: 'removal of container c1 is already in progress' });
      else answer(response, path.endsWith('/wait') ? 404 : 500, { message: 'No such container: c1' });
    });
    await scripted.runtime.ensureAbsent('web-1', owner);
    expect(scripted.seen()).toEqual([
      'GET /containers/web-1/json',
      'DELETE /containers/c1',
      'POST /containers/c1/wait',
    ]);
    expect(Object.fromEntries(scripted.engine.requests[1]?.query ?? [])).toEqual({ v: 'true', force: 'true' });
  });

  it("stops with the caller's grace, else with the container's", async () => {
    await scripted.play(({ method }, response) =>
      method === 'GET' ? answer(response, 200, container('running')) : answer(response, 204),
    );
    await scripted.runtime.ensureAbsent('web-1', owner, { graceSeconds: 9 });
    await scripted.runtime.ensureAbsent('web-1', owner);
    const stops = scripted.engine.requests.filter(({ path }) => path.endsWith('/stop'));
    expect(stops.map(({ query }) => query.get('t'))).toEqual(['9', '3']);
  });

  it('does not take a container whose id begins with the name for the container', async () => {
    await scripted.play((_, response) => answer(response, 200, { ...container('running'), Name: '/something-else' }));
    await scripted.runtime.ensureAbsent('web-1', owner);
    expect(await scripted.runtime.find('web-1', owner)).toBeNull();
    expect(scripted.seen().filter((call) => !call.startsWith('GET'))).toEqual([]);
  });
});
