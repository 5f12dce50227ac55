// What the product adds to a request, against the same framework, token check and database client without it.
import { alternate, picked } from '../lib/alternate.mjs';
import { ratioLine } from '../lib/pairs.mjs';
import { cpuMicros } from '../lib/process.mjs';
import { load } from '../lib/requests.mjs';
import { Skeleton } from '../lib/skeleton.mjs';

const SERVICES = 100;
const LOAD = { ms: 1000, connections: 16 };
/** Until the code is compiled as it will stay: counted in requests, because a busy machine does few of them in a second. */
const WARM_REQUESTS = 1500;

async function measured(side, path, token) {
  const before = cpuMicros(side.pid);
  const { requests, seconds } = await load({ port: side.port, path, token }, LOAD);
  return { cpu: (cpuMicros(side.pid) - before) / requests, rate: requests / seconds };
}

/** Ids of one project with SERVICES services. */
async function content(world) {
  const { id: project } = await world.project();
  let service = '';
  for (let i = 0; i < SERVICES; i++)
    service = (await world.service({ id: project }, { name: `service ${i}`, source: { type: 'git' } })).id;
  return { project, service };
}

async function warm(side, path, token) {
  for (let sent = 0; sent < WARM_REQUESTS; ) sent += (await load({ port: side.port, path, token }, LOAD)).requests;
}

async function lines(sides, { label, path }, { pairs, signal, say, token }) {
  const of = (side) => () => measured(side, `/api/v1${path}`, token);
  for (const side of [sides.floor, sides.ours]) await warm(side, `/api/v1${path}`, token);
  const taken = await alternate({ pairs, signal, floor: of(sides.floor), ours: of(sides.ours) });
  const cpu = ratioLine({ label: `${label}: CPU`, unit: 'us', ...picked(taken, (each) => each.cpu), atMost: 1.3 });
  const rate = picked(taken, (each) => each.rate);
  const perSecond = ratioLine({ label: `${label}: requests/s`, unit: '/s', ...rate, atLeast: 0.7 });
  say(`${label}: CPU ${cpu.ratio.median.toFixed(2)}x, rate ${perSecond.ratio.median.toFixed(2)}x`);
  return [cpu, perSecond];
}

export default {
  name: 'api',
  what: 'authenticated reads; floor: a bare NestJS + Fastify + JWT + Prisma route on the same database',

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const world = await start();
    const skeleton = await Skeleton.start(world);
    try {
      const { project, service } = await content(world);
      const sides = { floor: skeleton, ours: { pid: world.pid('api'), port: world.apiPort } };
      const reads = [
        { label: 'one project', path: `/projects/${project}` },
        { label: 'one service', path: `/services/${service}` },
        { label: `list of ${SERVICES} services`, path: `/projects/${project}/services` },
      ];
      const found = [];
      for (const read of reads)
        found.push(...(await lines(sides, read, { pairs, signal, say, token: world.api.token })));
      return found;
    } finally {
      await skeleton.stop();
    }
  },
};
