/** Used-up address pools, duplicates and forgotten endpoints. */
import { Capacity, Conflict } from '#platform/errors.js';
import { answer, type Handler, owner, ScriptedRuntime } from '../testing/scripted-engine.js';

const scripted = new ScriptedRuntime();

describe('networks', () => {
  const exhausted = {
    message:
      'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
  };
  const labels = { ...owner, project: 'p' };

  function engineWithout(free: (subnet: string) => boolean): Handler {
    return ({ method, path, body }, response) => {
      const subnet = body?.IPAM?.Config[0].Subnet;
      if (method === 'GET')
        answer(response, 200, [{ Id: 'x', Name: 'x', IPAM: { Config: [{ Subnet: '10.201.0.0/25' }] } }]);
      else if (!path.endsWith('/create')) answer(response, 500);
      else if (!subnet) answer(response, 500, exhausted);
      else if (free(subnet)) answer(response, 201, { Id: 'n' });
      else answer(response, 403, { message: 'Pool overlaps with other one on this address space' });
    };
  }

  it('walk our own range when the pools are used up', async () => {
    await scripted.play(engineWithout((subnet) => subnet === '10.201.1.0/26'));
    await scripted.runtime.networks.ensure('net', labels);
    const tried = scripted.engine.requests.map(({ body }) => body?.IPAM?.Config[0].Subnet).filter(Boolean);
    expect(tried).toEqual(['10.201.0.128/26', '10.201.0.192/26', '10.201.1.0/26']);
  });

  it('say so when no subnet is left', async () => {
    await scripted.play(engineWithout(() => false));
    const refused = scripted.runtime.networks.ensure('net', labels);
    await expect(refused).rejects.toMatchObject({ constructor: Capacity, code: 'networks_exhausted' });
  });

  const network = (Id: string, Created: string, Containers = {}) => ({
    Id,
    Created,
    Name: 'net',
    Labels: { 'containr.installation': 'i', 'containr.project': 'p' },
    Containers,
  });

  it('of one name made at the same moment are reduced to the oldest', async () => {
    const both = [network('b', '2026-01-01T00:00:02Z'), network('a', '2026-01-01T00:00:01Z')];
    await scripted.play(({ method }, response) =>
      method === 'GET' ? answer(response, 200, both) : answer(response, 204),
    );
    await scripted.runtime.networks.ensure('net', labels);
    expect(scripted.seen().filter((call) => !call.startsWith('GET'))).toEqual(['DELETE /networks/b']);
  });

  it('of one name are reduced to the one that is in use', async () => {
    const both = [network('b', '2026-01-01T00:00:02Z'), network('a', '2026-01-01T00:00:01Z')];
    await scripted.play(({ method, path }, response) => {
      if (method === 'GET') answer(response, 200, both);
      else if (path.endsWith('/b')) answer(response, 403, { message: 'network net has active endpoints' });
      else answer(response, 204);
    });
    await scripted.runtime.networks.ensure('net', labels);
    expect(scripted.seen().slice(1)).toEqual(['DELETE /networks/b', 'DELETE /networks/a']);
  });

  it('are freed of endpoints whose container the engine forgot, and of nothing else', async () => {
    let ghosts = { 'ep-1': { Name: 'gone' } } as Record<string, { Name: string }>;
    await scripted.play(({ method, path }, response) => {
      if (method === 'GET')
        answer(response, 200, path === '/networks' ? [network('a', 't')] : network('a', 't', ghosts));
      else if (path.endsWith('/disconnect')) {
        ghosts = {};
        answer(response, 200);
      } else if (Object.keys(ghosts).length > 0) answer(response, 403, { message: 'network net has active endpoints' });
      else answer(response, 204);
    });
    await scripted.runtime.networks.ensureAbsent('net', owner);
    expect(scripted.engine.requests.find(({ path }) => path.endsWith('/disconnect'))?.body).toEqual({
      Container: 'gone',
      Force: true,
    });
    ghosts = { 'ep-1': { Name: 'gone' }, c9: { Name: 'theirs' } };
    await expect(scripted.runtime.networks.ensureAbsent('net', owner)).rejects.toBeInstanceOf(Conflict);
    expect(scripted.engine.requests.filter(({ path }) => path.endsWith('/disconnect'))).toHaveLength(1);
  });
});
