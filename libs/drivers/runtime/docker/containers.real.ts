/** What only a real engine can show of containers, beyond conformance.ts. */
import { Conflict, Invalid } from '#platform/errors.js';
import { eventually } from '../testing/bench.js';
import { never, perl, RealEngine } from '../testing/real-engine.js';

import { containerBody } from './container-body.js';

const real = new RealEngine();

describe('what is not ours', () => {
  it('a container of the same name is refused and not touched', async () => {
    const wanted = real.spec();
    const theirs = await real.foreign(wanted.name);
    const before = await theirs.startedAt();
    await expect(real.start(wanted)).rejects.toMatchObject({ constructor: Conflict, code: 'name_taken' });
    await real.runtime.ensureAbsent(wanted.name, real.owner);
    expect(await real.runtime.find(wanted.name, real.owner)).toBeNull();
    expect(await theirs.startedAt()).toBe(before);
  });

  it('a network and a volume of the same name are refused and not touched', async () => {
    const name = `engine-${real.run}-foreign`;
    const theirs = await real.docker.createNetwork({ Name: name });
    real.afterwards(() => theirs.remove());
    await real.docker.createVolume({ Name: name, Driver: 'local' });
    real.afterwards(() => real.docker.getVolume(name).remove());
    const labels = { ...real.owner, project: 'p1', service: 's1' };
    await expect(real.runtime.networks.ensure(name, labels)).rejects.toMatchObject({ code: 'name_taken' });
    await expect(real.runtime.volumes.ensure(name, labels)).rejects.toMatchObject({ code: 'name_taken' });
    await real.runtime.networks.ensureAbsent(name, real.owner);
    await real.runtime.volumes.ensureAbsent(name, real.owner);
    expect((await theirs.inspect()).Id).toBe(theirs.id);
    expect((await real.docker.getVolume(name).inspect()).Name).toBe(name);
  });

  it('a container in our network keeps the network', async () => {
    const name = `engine-${real.run}-shared`;
    await real.runtime.networks.ensure(name, { ...real.owner, project: 'p1' });
    real.afterwards(() => real.runtime.networks.ensureAbsent(name, real.owner));
    const theirs = await real.foreign(`${name}-theirs`, name);
    await expect(real.runtime.networks.ensureAbsent(name, real.owner)).rejects.toMatchObject({
      code: 'network_in_use',
    });
    expect(Object.keys((await real.docker.getNetwork(name).inspect()).Containers ?? {})).toEqual([theirs.id]);
  });
});

describe('the container', () => {
  it('keeps its address when it is stopped and started, whatever else starts first', async () => {
    const wanted = [real.spec(), real.spec(), real.spec()];
    for (const one of wanted) await real.start(one);
    const addresses = () =>
      Promise.all(wanted.map(async ({ name }) => (await real.runtime.find(name, real.owner))?.address));
    const before = await addresses();
    const containers = wanted.map(({ name }) => real.docker.getContainer(name));
    for (const container of containers) await container.stop({ t: 0 });
    for (const container of containers.reverse()) await container.start();
    expect(await addresses()).toEqual(before);
    expect(new Set(before).size).toBe(3);
  });

  it('is limited and hardened, publishes nothing, and can be dialled at its address', async () => {
    const wanted = real.spec();
    const { id } = await real.start(wanted);
    const seen = await real.docker.getContainer(id).inspect();
    expect(seen.HostConfig).toMatchObject({
      NanoCpus: 1e9,
      Memory: 64 * 1024 * 1024,
      MemorySwap: 64 * 1024 * 1024,
      PidsLimit: 50,
      CpuShares: 512,
      OomScoreAdj: 500,
    });
    expect(seen.HostConfig).toMatchObject({ CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], Privileged: false });
    expect(Object.values(seen.NetworkSettings.Ports).every((binding) => binding === null)).toBe(true);
    expect(Object.keys(seen.NetworkSettings.Networks)).toEqual([real.network]);
    const address = (await real.runtime.find(wanted.name, real.owner))?.address;
    const reply = () => fetch(`http://${address}:4000/`).then((response) => response.text(), String);
    expect(await eventually(reply, (text) => text === 'ok')).toBe('ok');
  });

  it('is found by its alias inside the network, with the variables it was given', async () => {
    await real.start(real.spec({ aliases: ['db'] }));
    // Docker's resolver is a server at 127.0.0.11; perl asks it through the C library.
    const lookUp =
      'my @h = gethostbyname("db") or die "unknown"; print "$ENV{GREETING} ", join(".", unpack("C4", $h[4])), "\\n"';
    const asking = await real.start(real.spec({ ...perl(lookUp), env: { GREETING: 'hällo $HOME' } }));
    expect(await real.runtime.wait(asking, never)).toBe(0);
    expect((await real.read(asking))[0]?.message).toMatch(/^hällo \$HOME \d+\.\d+\.\d+\.\d+$/);
  });

  it('created but never started, as after a crash, is started', async () => {
    const wanted = real.spec();
    const made = await real.docker.createContainer({ name: wanted.name, ...containerBody(wanted) });
    expect((await real.runtime.find(wanted.name, real.owner))?.state).toBe('created');
    expect((await real.start(wanted)).id).toBe(made.id);
    expect((await real.runtime.find(wanted.name, real.owner))?.state).toBe('running');
  });

  it('whose network was made again while it was stopped, runs in the new one', async () => {
    const name = `engine-${real.run}-again`;
    await real.runtime.networks.ensure(name, { ...real.owner, project: 'p1' });
    real.afterwards(() => real.runtime.networks.ensureAbsent(name, real.owner));
    const wanted = real.spec({ network: name });
    const { id } = await real.start(wanted);
    await real.docker.getContainer(id).stop({ t: 0 });
    await real.runtime.networks.ensureAbsent(name, real.owner);
    await expect(real.start(wanted)).rejects.toMatchObject({ status: 404 });
    await real.runtime.networks.ensure(name, { ...real.owner, project: 'p1' });
    await real.start(wanted);
    expect(await real.runtime.find(wanted.name, real.owner)).toMatchObject({
      state: 'running',
      address: expect.any(String),
    });
  });

  it('paused by somebody, runs again', async () => {
    const wanted = real.spec();
    const { id } = await real.start(wanted);
    await real.docker.getContainer(id).pause();
    expect((await real.runtime.find(wanted.name, real.owner))?.state).toBe('paused');
    expect((await real.start(wanted)).id).toBe(id);
    expect((await real.runtime.find(wanted.name, real.owner))?.state).toBe('running');
  });

  it('goes on when its image lost its tag', async () => {
    const tag = `${real.image.ref.replace(':latest', '')}:second`;
    await real.docker.getImage(real.image.ref).tag({ repo: real.image.ref.replace(':latest', ''), tag: 'second' });
    const wanted = real.spec({ image: tag });
    const { id } = await real.start(wanted);
    await real.runtime.images.ensureAbsent(tag);
    expect(await real.runtime.images.find(tag)).toBeNull();
    expect((await real.start(wanted)).id).toBe(id);
    await expect(real.start(real.spec({ image: tag }))).rejects.toMatchObject({ code: 'image_unavailable' });
  });

  it('that wants more memory than it has is seen to be out of memory', async () => {
    const wanted = real.spec(perl('my $x = "x" x 300_000_000; print length $x'));
    const handle = await real.start(wanted);
    expect(await real.runtime.wait(handle, never)).toBe(137);
    expect(await real.runtime.find(wanted.name, real.owner)).toMatchObject({
      state: 'exited',
      exitCode: 137,
      oomKilled: true,
    });
  });

  it('that cannot be executed is the fault of its image', async () => {
    const refused = real.start(real.spec({ command: ['/app.pl'] }));
    await expect(refused).rejects.toMatchObject({ constructor: Invalid, code: 'start_failed' });
    await expect(refused).rejects.toThrow(/cannot start: exec: "\/app\.pl": permission denied\. Check/);
  });

  it('left behind by an aborted call is removed by ensureAbsent', async () => {
    const wanted = real.spec();
    const abort = new AbortController();
    const starting = real.runtime.ensureRunning(wanted, abort.signal);
    const reason = new Error('cancelled');
    await eventually(
      () => real.runtime.find(wanted.name, real.owner),
      (seen) => seen !== null,
    );
    abort.abort(reason);
    // The engine may have been faster than we.
    await starting.catch((error) => expect(error).toBe(reason));
    await real.runtime.ensureAbsent(wanted.name, real.owner);
    expect(await real.runtime.find(wanted.name, real.owner)).toBeNull();
  });
});
