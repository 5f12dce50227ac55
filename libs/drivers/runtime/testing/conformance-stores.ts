/** Images, networks and volumes. */
import { Conflict, Invalid } from '#platform/errors.js';
import type { Owner } from '../port.js';
import { type Bench, never } from './bench.js';

export function storesConform(bench: Bench): void {
  const { mine, other } = bench;

  describe('images', () => {
    it('knows an image by reference and id, and keeps what is there', async () => {
      const facts = await bench.runtime.images.find(bench.subject.image);
      expect(facts).toMatchObject({ exposedPorts: [3000], healthcheck: null });
      expect(facts?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(await bench.runtime.images.find(facts?.id as string)).toEqual(facts);
      expect(await bench.runtime.images.ensure(bench.subject.image, () => {}, never)).toEqual(facts);
    });

    it('says what cannot be had', async () => {
      const ref = 'registry.invalid/conformance/not-there:1';
      expect(await bench.runtime.images.find(ref)).toBeNull();
      const refused = bench.runtime.images.ensure(ref, () => {}, never);
      await expect(refused).rejects.toMatchObject({ constructor: Invalid, code: 'image_unavailable' });
      await expect(refused).rejects.toThrow(/registry\.invalid\/conformance\/not-there:1/);
    });

    it('refuses what is not a reference', async () => {
      for (const ref of ['', 'UPPER', 'a b', '../etc', 'x?fromSrc=-', '-x', 'a:b:c']) {
        await expect(bench.runtime.images.find(ref)).rejects.toMatchObject({ code: 'image_ref_invalid' });
      }
    });

    it('leaves an image in use, and is content when it is absent', async () => {
      const handle = await bench.start(bench.spec());
      const id = (await bench.runtime.find(handle.name, mine))?.image as string;
      await bench.runtime.images.ensureAbsent(id);
      expect(await bench.runtime.images.find(bench.subject.image)).not.toBeNull();
      await bench.runtime.images.ensureAbsent('conformance/not-there:1');
    });
  });

  describe('networks', () => {
    it('are made once, seen by their owner only, and removed', async () => {
      const wanted = `conf-${bench.run}-net`;
      const make = () => bench.runtime.networks.ensure(wanted, { ...mine, project: 'p9' });
      await Promise.all([make(), make(), make(), make()]);
      await make();
      const named = async (owner: Owner) =>
        (await bench.runtime.networks.observe(owner)).filter((n) => n.name === wanted);
      expect(await named(mine)).toEqual([{ name: wanted, project: 'p9' }]);
      expect(await named(other)).toEqual([]);
      const refused = bench.runtime.networks.ensure(wanted, { ...other, project: 'p1' });
      await expect(refused).rejects.toMatchObject({ constructor: Conflict, code: 'name_taken' });
      await bench.runtime.networks.ensureAbsent(wanted, other);
      expect(await named(mine)).toHaveLength(1);
      await bench.runtime.networks.ensureAbsent(wanted, mine);
      await bench.runtime.networks.ensureAbsent(wanted, mine);
      expect(await named(mine)).toEqual([]);
    });

    it('stay while a container is in them', async () => {
      const wanted = `conf-${bench.run}-busy`;
      await bench.runtime.networks.ensure(wanted, { ...mine, project: 'p1' });
      const workload = bench.spec({ network: wanted });
      await bench.start(workload);
      const refused = bench.runtime.networks.ensureAbsent(wanted, mine);
      await expect(refused).rejects.toMatchObject({ constructor: Conflict, code: 'network_in_use' });
      await bench.runtime.ensureAbsent(workload.name, mine);
      await bench.runtime.networks.ensureAbsent(wanted, mine);
    });
  });

  describe('volumes', () => {
    it('are made once and belong to their owner', async () => {
      const wanted = `conf-${bench.run}-vol`;
      const make = (owner: Owner) => bench.runtime.volumes.ensure(wanted, { ...owner, project: 'p1', service: 's1' });
      await make(mine);
      await make(mine);
      await expect(make(other)).rejects.toMatchObject({ constructor: Conflict, code: 'name_taken' });
      await bench.runtime.volumes.ensureAbsent(wanted, other);
      expect(await bench.runtime.volumes.observe(mine)).toEqual([{ name: wanted, project: 'p1', service: 's1' }]);
      expect(await bench.runtime.volumes.observe(other)).toEqual([]);
      await bench.runtime.volumes.ensureAbsent(wanted, mine);
      await bench.runtime.volumes.ensureAbsent(wanted, mine);
      expect(await bench.runtime.volumes.observe(mine)).toEqual([]);
    });
  });
}
