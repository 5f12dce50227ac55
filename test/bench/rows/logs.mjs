// Following a container that writes fast. The app says itself how many lines it has written.
import { setTimeout as sleep } from 'node:timers/promises';
import { alternate, picked } from '../lib/alternate.mjs';
import { Producer, writeProducer } from '../lib/log-producer.mjs';
import { dockerLogs, follow } from '../lib/log-readers.mjs';
import { boundLine, ratioLine } from '../lib/pairs.mjs';
import { cpuMicros, rssMb } from '../lib/process.mjs';
import { oneByOne } from '../lib/requests.mjs';
import { BenchService } from '../lib/service.mjs';

const RATE = 100_000;
/** 50 clients read 50 times as much: at the full rate the bench itself would be what is measured. Batches are as large as at the full rate. */
const SHARED_RATE = 10_000;
const CLIENTS = 50;
const WINDOW_MS = 3000;
const WARM_MS = 1000;
const TAIL = 500;

class LogBench {
  static async create(world, signal) {
    const made = Object.assign(new LogBench(), { world, signal, api: world.pid('api') });
    const subject = await BenchService.create(world, await world.project(), {}, writeProducer);
    await subject.tree.push();
    await world.settled((await subject.newest()).id);
    const filters = JSON.stringify({ label: [`containr.installation=${world.installation}`] });
    const [container] = await world.engine.call('GET', '/containers/json', { params: { filters } });
    made.of = { port: world.apiPort, service: subject.service.id, token: world.api.token };
    return Object.assign(made, { container: container.Id, producer: new Producer(subject.target) });
  }

  /** Lines read by `reader` and written by the app in a window, and what the API spent. */
  async window(readers, rate, reader = readers[0]) {
    await this.producer.rate(rate);
    try {
      await sleep(WARM_MS, undefined, { signal: this.signal });
      const [lines, written, cpu] = [reader.lines, await this.producer.written(), cpuMicros(this.api)];
      const started = performance.now();
      await sleep(WINDOW_MS, undefined, { signal: this.signal });
      const read = reader.lines - lines;
      const seconds = (performance.now() - started) / 1000;
      const made = (await this.producer.written()) - written;
      const lost = readers.filter(({ ended }) => ended).length;
      return { read: read / seconds, made: made / seconds, cpu: (cpuMicros(this.api) - cpu) / read, lost };
    } finally {
      await this.producer.rate(0);
      for (const each of readers) await each.close();
    }
  }

  async clients(count, rate) {
    const readers = [];
    for (let i = 0; i < count; i++) readers.push(await follow(this.of, { counts: i === 0 }));
    return this.window(readers, rate);
  }

  /** Growth while one client stands still and another reads. @returns {Promise<number>} MB */
  async stalled() {
    const reading = await follow(this.of);
    const idle = await follow(this.of, { stalls: true });
    const before = rssMb(this.api);
    await this.window([reading, idle], RATE);
    return rssMb(this.api) - before;
  }
}

async function oneClient(bench, { pairs, signal, world }) {
  const docker = () => bench.window([dockerLogs(world.platform.dockerHost, bench.container)], RATE);
  const taken = await alternate({ pairs, signal, floor: docker, ours: () => bench.clients(1, RATE) });
  const { ours } = taken;
  const against = { floor: ours.map(({ made }) => made), ours: ours.map(({ read }) => read) };
  return [
    ratioLine({ label: '1 client; floor: what the app wrote', unit: 'lines/s', ...against, atLeast: 0.95 }),
    ratioLine({
      label: '1 client; floor: docker logs -f',
      unit: 'lines/s',
      ...picked(taken, ({ read }) => read),
      atLeast: 1,
    }),
    boundLine({ label: '1 client, CPU per line', unit: 'us', ours: ours.map(({ cpu }) => cpu), atMost: 6 }),
  ];
}

async function manyClients(bench, { pairs, say }) {
  const taken = [];
  for (let i = 0; i < pairs; i++) taken.push(await bench.clients(CLIENTS, SHARED_RATE));
  const lost = Math.max(...taken.map((each) => each.lost));
  say(`${CLIENTS} clients: at most ${lost} were cut off`);
  const label = `${CLIENTS} clients, ${SHARED_RATE} lines/s`;
  return [
    boundLine({ label: `${label}: CPU per line`, unit: 'us', ours: taken.map(({ cpu }) => cpu), atMost: 9 }),
    boundLine({ label: `${label}: clients cut off`, unit: 'clients', ours: [lost], atMost: 0 }),
  ];
}

async function openView(bench, { pairs, signal, world }) {
  const { port, service, token } = bench.of;
  const path = `/api/v1/services/${service}/logs?tail=${TAIL}`;
  const ours = async () => (await oneByOne(() => ({ port, path, token }), 1))[0];
  const floor = async () => {
    const started = performance.now();
    const params = { stdout: '1', stderr: '1', timestamps: '1', tail: String(TAIL) };
    const answer = await world.engine.open('GET', `/containers/${bench.container}/logs`, { params, signal });
    for await (const _ of answer); // only its end matters
    return performance.now() - started;
  };
  const taken = await alternate({ pairs, warmup: 3, signal, floor, ours });
  return ratioLine({ label: `open with tail ${TAIL}; floor: the Docker API`, unit: 'ms', ...taken, atMost: 3 });
}

export default {
  name: 'logs',
  what: `following a container that writes ${RATE.toLocaleString('en')} lines/s`,

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const world = await start();
    const bench = await LogBench.create(world, signal);
    const context = { pairs, signal, say, world };
    const lines = [...(await oneClient(bench, context)), ...(await manyClients(bench, context))];
    const growth = [];
    for (let i = 0; i < Math.min(pairs, 3); i++) growth.push(await bench.stalled());
    lines.push(boundLine({ label: 'a stalled client: growth of the API', unit: 'MB', ours: growth, atMost: 30 }));
    return [...lines, await openView(bench, context)];
  },
};
