/** DockerBuilder on an engine without BuildKit. */
import { randomUUID } from 'node:crypto';
import Docker from 'dockerode';
import { DockerBuilder } from './buildkit.js';
import { requestFor } from './conformance.js';
import { importBusybox } from './testing/base-image.js';
import { type OldEngine, startOldEngine } from './testing/old-engine.js';

const docker = new Docker();
const suite = randomUUID().slice(0, 8);
const base = `containr-test-classic-${suite}:1`;
const image = `containr-test-classic-${suite}:built`;
const never = new AbortController().signal;
let engine: OldEngine;
let builder: DockerBuilder;

const exists = (name: string) =>
  docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      () => false,
    );

beforeAll(async () => {
  await importBusybox(docker, base);
  engine = await startOldEngine('/var/run/docker.sock');
  builder = new DockerBuilder({ dockerHost: engine.host });
});
afterAll(async () => {
  await engine.close();
  for (const name of [image, base])
    await docker
      .getImage(name)
      .remove()
      .catch(() => undefined);
});

it('builds, with build arguments and a log', async () => {
  const lines: string[] = [];
  const dockerfile = `FROM ${base}\nARG COLOUR\nRUN echo colour=$COLOUR\n`;
  const built = await builder.build(
    requestFor(dockerfile, image, { buildArgs: { COLOUR: 'blue' }, log: (line) => lines.push(line) }),
    never,
  );
  expect(built.id).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(lines.join('\n')).toMatch(/Step 3\/3[\s\S]*colour=blue/);
  expect(await exists(image)).toBe(true);
});

it.each([
  [
    'RUN echo about to fail; exit 3',
    'build_failed',
    /RUN echo about to fail; exit 3" failed with exit code 3\.\nabout to fail/,
  ],
  ['FROOM x', 'dockerfile_invalid', /FROOM/i],
  ['COPY nothere /x', 'build_failed', /nothere/],
])('explains %s as %s', async (line, code, message) => {
  const request = requestFor(`FROM ${base}\n${line}\n`, `${image}-not`);
  await expect(builder.build(request, never)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

it('explains a missing Dockerfile and an image that cannot be had', async () => {
  const missing = requestFor('', `${image}-not`, { dockerfile: 'other/Dockerfile' });
  await expect(builder.build(missing, never)).rejects.toMatchObject({ code: 'dockerfile_invalid' });
  const absent = requestFor('FROM registry.invalid/no/such-image:1\n', `${image}-not`);
  await expect(builder.build(absent, never)).rejects.toMatchObject({ code: 'image_unavailable' });
});

it('ends a build that eats memory', async () => {
  const memoryBytes = 64 * 1024 * 1024;
  const eat = `awk 'BEGIN { s = "xxxxxxxx"; while (length(s) < 2000000000) s = s s }'`;
  const request = requestFor(`FROM ${base}\nRUN : ${randomUUID()}; ${eat}\n`, `${image}-not`, {
    limits: { cpus: 1, memoryBytes, timeoutMs: 50_000 },
  });
  await expect(builder.build(request, never)).rejects.toMatchObject({ code: 'build_out_of_memory' });
});

it('aborts within 2 s and leaves no container', async () => {
  const mark = randomUUID();
  const abort = new AbortController();
  const reason = new Error('stop');
  const log = (line: string) => line === 'started' && abort.abort(reason);
  const request = requestFor(
    `FROM ${base}\nRUN : ${mark}; echo started; while true; do sleep 1; done\n`,
    `${image}-not`,
    { log },
  );
  const started = Date.now();
  await expect(builder.build(request, abort.signal)).rejects.toBe(reason);
  const left = async () =>
    (await docker.listContainers({ all: true })).filter((each) => each.Command.includes(mark)).length;
  while ((await left()) > 0) {
    if (Date.now() - started > 5000) throw new Error('the container is still there');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
