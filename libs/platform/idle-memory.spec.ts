import { IdleWatch } from './idle-memory.js';

it('collects once when a busy time is over', () => {
  const watch = new IdleWatch();
  expect([3000, 900, 50, 40, 150].map((cpuMs) => watch.ends(cpuMs))).toEqual([false, false, true, false, false]);
});

it('waits while the process is neither busy nor idle, and collects again after the next busy time', () => {
  const watch = new IdleWatch();
  expect([0, 600, 300, 10, 0].map((cpuMs) => watch.ends(cpuMs))).toEqual([true, false, false, true, false]);
});
