/** Containers: made, found, removed, waited for. */
import { Conflict, Invalid, NotFound } from '#platform/errors.js';
import type { Workload } from '../port.js';
import { type Bench, never } from './bench.js';

export function containersConform(bench: Bench): void {
  const { mine, other } = bench;

  describe('ensureRunning', () => {
    it('makes a running container that is described as asked', async () => {
      const wanted = bench.spec({ labels: { ...bench.labels(), role: 'release', replica: 2 } });
      const handle = await bench.start(wanted);
      const seen = await bench.runtime.find(wanted.name, mine);
      expect(seen).toMatchObject({
        ...handle,
        name: wanted.name,
        labels: wanted.labels,
        state: 'running',
        health: null,
      });
      expect(seen).toMatchObject({ exitCode: null, oomKilled: false, restarts: 0 });
      expect(seen?.address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(seen?.startedAt).toMatch(/^20\d\d-.*Z$/);
      expect(seen?.image).toBe((await bench.runtime.images.find(bench.subject.image))?.id);
    });

    it('changes nothing the second time', async () => {
      const wanted = bench.spec();
      const first = await bench.start(wanted);
      const before = await bench.runtime.find(wanted.name, mine);
      expect(await bench.start(structuredClone(wanted))).toEqual(first);
      expect(await bench.runtime.find(wanted.name, mine)).toEqual(before);
    });

    it('ends with one container when called many times at once', async () => {
      const wanted = bench.spec();
      const handles = await Promise.all(Array.from({ length: 6 }, () => bench.start(wanted)));
      expect(new Set(handles.map(({ id }) => id)).size).toBe(1);
      expect(await bench.runtime.observe(mine)).toHaveLength(1);
    });

    it('replaces a container made from another spec', async () => {
      const wanted = bench.spec();
      const first = await bench.start(wanted);
      const second = await bench.start({ ...wanted, env: { ...wanted.env, CHANGED: '1' } });
      expect(second.id).not.toBe(first.id);
      expect((await bench.runtime.observe(mine)).map(({ id }) => id)).toEqual([second.id]);
    });

    it('starts what is stopped', async () => {
      const wanted = bench.job('exit 0');
      const handle = await bench.start(wanted);
      await bench.runtime.wait(handle, never);
      const before = await bench.runtime.find(wanted.name, mine);
      expect(before?.state).toBe('exited');
      expect(await bench.start(wanted)).toEqual(handle);
      await bench.runtime.wait(handle, never);
      expect((await bench.runtime.find(wanted.name, mine))?.startedAt).not.toBe(before?.startedAt);
    });

    it('refuses a name that another installation holds, and leaves that container alone', async () => {
      const theirs = bench.theirs();
      await bench.start(theirs);
      const before = await bench.runtime.find(theirs.name, other);
      const refused = bench.start({ ...theirs, labels: { ...theirs.labels, ...mine } });
      await expect(refused).rejects.toMatchObject({ constructor: Conflict, code: 'name_taken' });
      expect(await bench.runtime.find(theirs.name, other)).toEqual(before);
    });

    it('says which image is missing and keeps the container that runs', async () => {
      const wanted = bench.spec();
      await bench.start(wanted);
      const refused = bench.start({ ...wanted, image: 'conformance/not-there:1' });
      await expect(refused).rejects.toMatchObject({ constructor: Invalid, code: 'image_unavailable' });
      await expect(refused).rejects.toThrow(/conformance\/not-there:1/);
      expect((await bench.runtime.find(wanted.name, mine))?.state).toBe('running');
    });

    it('says why a command cannot start, and leaves something that ensureAbsent removes', async () => {
      const wanted = bench.spec({ command: ['/nonexistent', '--flag'] });
      const refused = bench.start(wanted);
      await expect(refused).rejects.toMatchObject({ constructor: Invalid, code: 'start_failed' });
      await expect(refused).rejects.toThrow(/\/nonexistent.*no such file or directory/);
      await bench.runtime.ensureAbsent(wanted.name, mine);
      expect(await bench.runtime.observe(mine)).toEqual([]);
    });

    it('rejects with the reason of an aborted signal', async () => {
      const reason = new Error('cancelled by the user');
      await expect(bench.runtime.ensureRunning(bench.spec(), AbortSignal.abort(reason))).rejects.toBe(reason);
    });
  });

  describe('ensureAbsent', () => {
    it('removes, and is content when nothing is there', async () => {
      const wanted = bench.spec();
      await bench.start(wanted);
      await bench.runtime.ensureAbsent(wanted.name, mine, { graceSeconds: 1 });
      expect(await bench.runtime.find(wanted.name, mine)).toBeNull();
      await bench.runtime.ensureAbsent(wanted.name, mine);
      await bench.runtime.ensureAbsent('conf-never-existed', mine);
    });

    it('gives the chance to read the output of the stopped program before it removes', async () => {
      const wanted = bench.spec();
      const handle = await bench.start(wanted);
      let state = '';
      const stopped = async (workload: Workload) => {
        expect(workload).toMatchObject({ ...handle, labels: wanted.labels });
        state = (await bench.runtime.find(wanted.name, mine))?.state ?? 'gone';
        for await (const _ of bench.runtime.logs(handle, { tail: 'all', follow: false }, never));
      };
      await bench.runtime.ensureAbsent(wanted.name, mine, { graceSeconds: 1, stopped });
      expect(state).toBe('exited');
      expect(await bench.runtime.find(wanted.name, mine)).toBeNull();
    });

    it('may be called many times at once', async () => {
      const wanted = bench.spec();
      await bench.start(wanted);
      await Promise.all(Array.from({ length: 4 }, () => bench.runtime.ensureAbsent(wanted.name, mine)));
      expect(await bench.runtime.find(wanted.name, mine)).toBeNull();
    });

    it("counts another installation's container as absent and leaves it running", async () => {
      const theirs = bench.theirs();
      await bench.start(theirs);
      await bench.runtime.ensureAbsent(theirs.name, mine);
      expect((await bench.runtime.find(theirs.name, other))?.state).toBe('running');
    });

    it('keeps the volume', async () => {
      const volume = `conf-${bench.run}-data`;
      await bench.runtime.volumes.ensure(volume, { ...mine, project: 'p1', service: 's1' });
      const wanted = bench.spec({ mounts: [{ volume, path: '/data' }] });
      await bench.start(wanted);
      const removal = bench.runtime.volumes.ensureAbsent(volume, mine);
      await expect(removal).rejects.toMatchObject({ constructor: Conflict, code: 'volume_in_use' });
      await bench.runtime.ensureAbsent(wanted.name, mine);
      expect(await bench.runtime.volumes.observe(mine)).toContainEqual({ name: volume, project: 'p1', service: 's1' });
      await bench.runtime.volumes.ensureAbsent(volume, mine);
      expect(await bench.runtime.volumes.observe(mine)).toEqual([]);
    });
  });

  describe('observe and find', () => {
    it('sees what is ours, running or not, and filters by service', async () => {
      const web = bench.spec();
      const cron = {
        ...bench.job('exit 0'),
        labels: { ...bench.labels(), service: 's2', role: 'job' as const, replica: 0 },
      };
      const theirs = bench.theirs();
      for (const wanted of [web, cron, theirs]) await bench.start(wanted);
      const names = (found: Workload[]) => found.map((workload) => workload.name).sort();
      expect(names(await bench.runtime.observe(mine))).toEqual([web.name, cron.name].sort());
      expect(names(await bench.runtime.observe(mine, { service: 's2' }))).toEqual([cron.name]);
      expect(names(await bench.runtime.observe(other))).toEqual([theirs.name]);
      expect(await bench.runtime.find(theirs.name, mine)).toBeNull();
      expect(await bench.runtime.find('conf-never-existed', mine)).toBeNull();
    });
  });

  describe('usage', () => {
    it('tells of what runs and is ours, and counts on', async () => {
      const busy = bench.spec();
      const theirs = bench.theirs();
      const ended = bench.job('exit 0');
      const [handle] = [await bench.start(busy), await bench.start(theirs)];
      await bench.runtime.wait(await bench.start(ended), never);
      const [first, ...others] = await bench.runtime.usage(mine);
      expect(others).toEqual([]);
      expect(first).toMatchObject({ ...handle, labels: busy.labels });
      expect(first?.cpuSeconds).toBeGreaterThanOrEqual(0);
      expect(first?.memoryBytes).toBeGreaterThanOrEqual(0);
      expect(first?.network).toEqual({ inBytes: expect.any(Number), outBytes: expect.any(Number) });
      const [second] = await bench.runtime.usage(mine);
      expect(second?.cpuSeconds).toBeGreaterThanOrEqual(first?.cpuSeconds ?? 0);
      await bench.runtime.ensureAbsent(busy.name, mine);
      expect(await bench.runtime.usage(mine)).toEqual([]);
    });
  });

  describe('wait', () => {
    it('gives the exit code, which is then on show', async () => {
      const wanted = bench.job('exit 3');
      const handle = await bench.start(wanted);
      expect(await bench.runtime.wait(handle, never)).toBe(3);
      expect(await bench.runtime.find(wanted.name, mine)).toMatchObject({
        state: 'exited',
        exitCode: 3,
        address: null,
      });
      expect(await bench.runtime.wait(handle, never)).toBe(3);
    });

    it('rejects with the reason of the signal', async () => {
      const handle = await bench.start(bench.spec());
      const abort = new AbortController();
      const waiting = bench.runtime.wait(handle, abort.signal);
      const reason = new Error('enough');
      setImmediate(() => abort.abort(reason));
      await expect(waiting).rejects.toBe(reason);
    });

    it('knows when the container is gone', async () => {
      const wanted = bench.spec();
      const handle = await bench.start(wanted);
      await bench.runtime.ensureAbsent(wanted.name, mine);
      await expect(bench.runtime.wait(handle, never)).rejects.toBeInstanceOf(NotFound);
    });
  });
}
