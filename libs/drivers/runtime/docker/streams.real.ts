/** Stopping, logs, health and TCP on a real engine, beyond conformance.ts. */
import net from 'node:net';
import type { LogLine, RuntimeEvent, WorkloadSpec } from '../port.js';
import { eventually } from '../testing/bench.js';
import { never, perl, RealEngine } from '../testing/real-engine.js';
import { makeTestImage } from '../testing/test-image.js';
import { DockerRuntime } from './docker-runtime.js';

const real = new RealEngine();

describe('stopping', () => {
  const exitOf = async (wanted: WorkloadSpec): Promise<number> => {
    const handle = await real.start(wanted);
    await eventually(
      () => real.read(handle, { follow: false }),
      (lines) => lines.length > 0,
    );
    const ended = real.runtime.wait(handle, never);
    await real.runtime.ensureAbsent(wanted.name, real.owner);
    return ended;
  };

  it('lets the program end by itself', async () => {
    expect(await exitOf(real.spec())).toBe(0);
  });

  it('uses the signal that is wanted', async () => {
    const program = perl('$| = 1; $SIG{USR1} = sub { exit 42 }; print "up\\n"; sleep 1 while 1');
    expect(await exitOf(real.spec({ ...program, stopSignal: 'SIGUSR1' }))).toBe(42);
  });

  it('lets its last words be read before it is removed', async () => {
    const program = perl('$| = 1; $SIG{TERM} = sub { print "last words\\n"; exit 0 }; print "up\\n"; sleep 1 while 1');
    const wanted = real.spec(program);
    const handle = await real.start(wanted);
    await eventually(
      () => real.read(handle, { follow: false }),
      (lines) => lines.length > 0,
    );
    let seen: LogLine[] = [];
    const stopped = async () => {
      seen = await real.read(handle, { follow: false });
    };
    await real.runtime.ensureAbsent(wanted.name, real.owner, { stopped });
    expect(seen.map(({ message }) => message)).toEqual(['up', 'last words']);
    expect(await real.runtime.find(wanted.name, real.owner)).toBeNull();
  });

  it('kills what does not listen when the grace is over', async () => {
    const program = perl('$| = 1; $SIG{TERM} = "IGNORE"; print "up\\n"; sleep 1 while 1');
    expect(await exitOf(real.spec({ ...program, graceSeconds: 1 }))).toBe(137);
  });

  it('ends a program that is restarted again and again, and its log tells each run', async () => {
    const wanted = real.spec({ ...perl('print "run\\n"; exit 7'), restart: 'always' });
    const handle = await real.start(wanted);
    const lines: LogLine[] = [];
    for await (const batch of real.runtime.logs(handle, { tail: 'all', follow: true }, never)) {
      lines.push(...batch);
      if (lines.length >= 3) break;
    }
    expect(new Set(lines.map(({ timestamp }) => timestamp)).size).toBe(lines.length);
    expect((await real.runtime.find(wanted.name, real.owner))?.restarts).toBeGreaterThanOrEqual(2);
    await real.runtime.ensureAbsent(wanted.name, real.owner);
    expect(await real.runtime.find(wanted.name, real.owner)).toBeNull();
  });

  it('removes the anonymous volumes of the image and keeps the named ones', async () => {
    const withVolume = await makeTestImage(['VOLUME /anonymous']);
    real.afterwards(() => withVolume.remove());
    const volume = `engine-${real.run}-named`;
    // Not made before: what the engine makes for a mount must be known as ours too.
    const wanted = real.spec({ image: withVolume.ref, mounts: [{ volume, path: '/named' }] });
    const { id } = await real.start(wanted);
    const mounts = (await real.docker.getContainer(id).inspect()).Mounts;
    const anonymous = mounts.find((mount) => mount.Destination === '/anonymous')?.Name as string;
    await real.runtime.ensureAbsent(wanted.name, real.owner);
    await expect(real.docker.getVolume(anonymous).inspect()).rejects.toMatchObject({ statusCode: 404 });
    expect(await real.runtime.volumes.observe(real.owner)).toEqual([{ name: volume, project: 'p1', service: 's1' }]);
    await real.runtime.volumes.ensureAbsent(volume, real.owner);
  });
});

describe('logs', () => {
  it('of a fast writer arrive whole and in order', async () => {
    const handle = await real.start(real.spec(perl('printf "%06d %s\\n", $_, "x" x 80 for 1..100_000')));
    const lines = await real.read(handle);
    expect(lines).toHaveLength(100_000);
    expect(lines.every(({ message }, index) => Number(message.slice(0, 6)) === index + 1)).toBe(true);
    expect(
      (await real.read(handle, { follow: false, tail: 10 })).map(({ message }) => Number(message.slice(0, 6))),
    ).toEqual(Array.from({ length: 10 }, (_, n) => 99_991 + n));
  });

  it('join a long line, keep stderr apart and pass on any byte', async () => {
    const script =
      'print "a" x 40_000, "\\n"; print STDERR "\\xe2\\x98\\x83 err\\n"; print "\\xff\\n"; print "no newline"';
    const lines = await real.read(await real.start(real.spec(perl(script))));
    const of = (stream: string) => lines.filter((line) => line.stream === stream).map(({ message }) => message);
    // Compared first, so that a failure does not print 40 000 letters.
    expect(of('stdout')[0] === 'a'.repeat(40_000)).toBe(true);
    expect(of('stdout').slice(1)).toEqual(['\ufffd', 'no newline']);
    expect(of('stderr')).toEqual(['☃ err']);
  });
});

describe('health', () => {
  it('of the image is shown and told', async () => {
    const healthy = await makeTestImage(['HEALTHCHECK --interval=1s --timeout=2s CMD exit 0']);
    real.afterwards(() => healthy.remove());
    expect((await real.runtime.images.find(healthy.ref))?.healthcheck).toEqual({
      test: ['CMD-SHELL', 'exit 0'],
      timeoutMs: 2000,
    });
    const abort = new AbortController();
    const events = real.runtime.events(real.owner, abort.signal);
    const wanted = real.spec({ image: healthy.ref });
    const first = events[Symbol.asyncIterator]().next();
    await real.start(wanted);
    expect((await real.runtime.find(wanted.name, real.owner))?.health).toBe('starting');
    const seen: RuntimeEvent[] = [(await first).value];
    for await (const event of events) {
      seen.push(event);
      if (event.kind === 'health') break;
    }
    expect(seen.map(({ kind }) => kind)).toEqual(['started', 'health']);
    expect((await real.runtime.find(wanted.name, real.owner))?.health).toBe('healthy');
    abort.abort();
  });
});

describe('over TCP', () => {
  it('works the same and looks for listening sockets from inside', async () => {
    // 127.0.0.2 is not recognised as this machine.
    const proxy = net.createServer((client) => {
      const upstream = net.connect('/var/run/docker.sock');
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on('error', () => [client, upstream].map((one) => one.destroy()));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.2', resolve));
    const remote = new DockerRuntime({ dockerHost: `tcp://127.0.0.2:${(proxy.address() as net.AddressInfo).port}` });
    real.afterwards(async () => {
      remote.close();
      proxy.close();
    });
    expect(remote.capabilities.directAddress).toBe(false);
    const handle = await remote.ensureRunning(real.spec(), never);
    const sockets = await eventually(
      () => remote.listening(handle),
      (found) => found.some(({ port }) => port === 4000),
    );
    expect(sockets).toContainEqual({ address: '0.0.0.0', port: 4000 });
    for await (const batch of remote.logs(handle, { tail: 'all', follow: true }, never)) {
      expect(batch[0]?.message).toBe('listening');
      break;
    }
  });
});
