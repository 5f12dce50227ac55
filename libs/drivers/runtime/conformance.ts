/** One suite for every ContainerRuntime: what the port promises, and nothing of how. */
import { Bench, type Subject } from './testing/bench.js';
import { containersConform } from './testing/conformance-containers.js';
import { storesConform } from './testing/conformance-stores.js';
import { streamsConform } from './testing/conformance-streams.js';

export { eventually, type Subject } from './testing/bench.js';

/** @param make the runtime under test, and an image with /bin/sh that listens on $PORT and logs a line each 100 ms */
export function runtimeConformance(name: string, make: () => Promise<Subject>): void {
  describe(`ContainerRuntime: ${name}`, () => {
    const bench = new Bench();

    beforeAll(async () => {
      bench.subject = await make();
      await bench.runtime.networks.ensure(bench.network, { ...bench.mine, project: 'p1' });
    }, 120_000);

    afterEach(() => bench.removeWorkloads(), 60_000);

    afterAll(async () => {
      await bench.removeStores();
      await bench.subject.dispose();
    });

    it('answers a ping', async () => {
      await expect(bench.runtime.ping()).resolves.toBeUndefined();
    });

    containersConform(bench);
    streamsConform(bench);
    storesConform(bench);
  });
}
