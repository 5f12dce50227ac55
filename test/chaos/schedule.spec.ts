/** The plan of a chaos is made of its seed alone. */
// biome-ignore lint/suspicious/noExplicitAny: plain JavaScript with JSDoc types
const { scheduleOf, SHARED_FAULTS, PRIVATE_FAULTS, SERVICES }: any = jest.requireActual('./schedule.mjs');

const kinds = [...SHARED_FAULTS, ...PRIVATE_FAULTS];
const planned = (seed: number, more = {}) => scheduleOf({ seed, deployments: 30, kinds, ...more });

it('is the same for the same seed and another one for another', () => {
  expect(planned(7)).toEqual(planned(7));
  expect(planned(7).faults).not.toEqual(planned(8).faults);
  expect(planned(7).wishes).not.toEqual(planned(8).wishes);
});

it('brings every fault before it repeats one', () => {
  const first = planned(3)
    .faults.slice(0, kinds.length)
    .map(({ kind }: { kind: string }) => kind);
  expect(first.sort()).toEqual([...kinds].sort());
});

it('gives each service something that can be live first, and its share of the deployments', () => {
  const { wishes } = planned(5);
  expect(wishes).toHaveLength(30);
  expect(wishes.slice(0, SERVICES).map(({ kind }: { kind: string }) => kind)).toEqual(Array(SERVICES).fill('commit'));
  for (let service = 0; service < SERVICES; service++)
    expect(wishes.filter((wish: { service: number }) => wish.service === service)).toHaveLength(30 / SERVICES);
});

it('takes only the faults that were asked for', () => {
  const { faults } = planned(1, { kinds: ['kill-api'] });
  expect(new Set(faults.map(({ kind }: { kind: string }) => kind))).toEqual(new Set(['kill-api']));
  expect(planned(1, { kinds: [] }).faults).toEqual([]);
});
