/** Logs, events, and looking into a container. */
import type { LogLine, RuntimeEvent } from '../port.js';
import { type Bench, eventually, never, PORT } from './bench.js';

export function streamsConform(bench: Bench): void {
  const { mine } = bench;

  describe('logs', () => {
    const take = async (batches: AsyncIterable<LogLine[]>, count: number): Promise<LogLine[]> => {
      const lines: LogLine[] = [];
      for await (const batch of batches) {
        lines.push(...batch);
        if (lines.length >= count) break;
      }
      return lines;
    };

    it('follows, resumes strictly after a time, and gives the tail', async () => {
      const handle = await bench.start(bench.spec());
      const lines = await take(bench.runtime.logs(handle, { tail: 'all', follow: true }, never), 4);
      expect(lines.length).toBeGreaterThanOrEqual(4);
      for (const line of lines) expect(line.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
      const stamps = lines.map((line) => line.timestamp);
      expect(stamps).toEqual([...stamps].sort());
      const after = stamps[1] as string;
      const resumed = await take(bench.runtime.logs(handle, { tail: 'all', follow: true, after }, never), 2);
      expect(resumed.slice(0, 2)).toEqual(lines.slice(2, 4));
      expect(await take(bench.runtime.logs(handle, { tail: 2, follow: false }, never), 99)).toHaveLength(2);
    });

    it('ends when the container is removed', async () => {
      const wanted = bench.spec();
      const handle = await bench.start(wanted);
      const batches = bench.runtime.logs(handle, { tail: 'all', follow: true }, never)[Symbol.asyncIterator]();
      expect((await batches.next()).done).toBe(false);
      await bench.runtime.ensureAbsent(wanted.name, mine);
      await eventually(
        async () => (await batches.next()).done,
        (done) => done === true,
      );
    });

    it('ends when the signal aborts', async () => {
      const handle = await bench.start(bench.spec());
      const abort = new AbortController();
      for await (const _batch of bench.runtime.logs(handle, { tail: 'all', follow: true }, abort.signal)) abort.abort();
      expect(abort.signal.aborted).toBe(true);
    });
  });

  describe('inside the container', () => {
    it('runs health tests', async () => {
      const handle = await bench.start(bench.spec());
      expect(await bench.runtime.probe(handle, ['CMD', '/bin/sh', '-c', 'exit 0'], 10_000)).toBe(true);
      expect(await bench.runtime.probe(handle, ['CMD-SHELL', 'exit 0'], 10_000)).toBe(true);
      expect(await bench.runtime.probe(handle, ['CMD-SHELL', 'exit 1'], 10_000)).toBe(false);
      expect(await bench.runtime.probe(handle, ['CMD-SHELL', 'sleep 3'], 500)).toBe(false);
    });

    it('fails a health test in a container that has ended', async () => {
      const handle = await bench.start(bench.job('exit 0'));
      await bench.runtime.wait(handle, never);
      expect(await bench.runtime.probe(handle, ['CMD-SHELL', 'exit 0'], 10_000)).toBe(false);
      expect(await bench.runtime.listening(handle)).toEqual([]);
    });

    it('tells what listens', async () => {
      const handle = await bench.start(bench.spec());
      await eventually(
        () => bench.runtime.listening(handle),
        (sockets) => sockets.some(({ address, port }) => port === PORT && address === '0.0.0.0'),
      );
    });
  });

  describe('events', () => {
    it('tells what happens to our containers and ends with the signal', async () => {
      const abort = new AbortController();
      const seen: RuntimeEvent[] = [];
      const listening = (async () => {
        for await (const event of bench.runtime.events(mine, abort.signal)) seen.push(event);
      })();
      // The subscription is in place once a first container of ours is heard of.
      await eventually(
        async () => {
          const probe = bench.job('exit 0');
          await bench.start(probe);
          await bench.runtime.ensureAbsent(probe.name, mine);
          return seen.length;
        },
        (count) => count > 0,
      );
      const wanted = bench.spec();
      const theirs = bench.theirs();
      await bench.start(theirs);
      await bench.start(wanted);
      await bench.runtime.ensureAbsent(wanted.name, mine);
      const kinds = async () => seen.filter((event) => event.name === wanted.name).map((event) => event.kind);
      await eventually(kinds, (list) => list.includes('removed'));
      expect(await kinds()).toEqual(['started', 'died', 'removed']);
      expect(seen.filter((event) => event.name === theirs.name)).toEqual([]);
      expect(new Set(seen.map((event) => event.service))).toEqual(new Set(['s1']));
      abort.abort();
      await listening;
    });
  });
}
