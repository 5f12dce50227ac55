/** Generated Dockerfiles on the real engine: what comes out starts and answers. Nothing is fetched: dependencies are folders of the sample. */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import Docker from 'dockerode';
import { DockerBuilder } from '#drivers/builder/buildkit.js';
import { inFront, tarOf } from '#drivers/builder/context-files.js';
import { contextOf } from '#drivers/builder/testing/base-image.js';
import { chooseBuild } from '#features/builds/build-choice.js';
import { SAMPLES } from '#features/builds/testing/samples.js';
import { fileTree, wish } from '#features/builds/testing/trees.js';

jest.setTimeout(300_000);

const docker = new Docker();
const builder = new DockerBuilder({ dockerHost: process.env.DOCKER_HOST ?? '' });
const run = randomUUID().slice(0, 8);
const images: string[] = [];
const containers: Docker.Container[] = [];

afterAll(async () => {
  for (const container of containers) await container.remove({ force: true, v: true });
  for (const image of images) await docker.getImage(image).remove({ force: true });
});

async function made(name: keyof typeof SAMPLES): Promise<{ image: string; log: string[] }> {
  const { files, folder = '', variables = {} } = SAMPLES[name] as (typeof SAMPLES)['express'];
  const tree = fileTree(files);
  const wanted = wish({ rootDirectory: folder, variables, scope: run });
  const choice = await chooseBuild(tree, wanted, { railpack: false, nixpacks: false });
  if (choice.kind !== 'ready') throw new Error('no program is installed');
  const { build } = choice;
  const image = `containr-test/${run}-${name}:1`;
  const log: string[] = [];
  const context = inFront(await tarOf(build.files), contextOf(files));
  const limits = { cpus: 2, memoryBytes: 2 ** 30, timeoutMs: 240_000 };
  const request = {
    tag: image,
    context,
    dockerfile: build.dockerfile,
    buildArgs: build.buildArgs,
    secrets: {},
    labels: {},
    limits,
  };
  await builder.build({ ...request, log: (line) => log.push(line) }, new AbortController().signal);
  images.push(image);
  return { image, log };
}

async function started(
  image: string,
): Promise<{ container: Docker.Container; ask: (path: string) => Promise<[number, string]> }> {
  const container = await docker.createContainer({ Image: image, Env: ['PORT=3456'] });
  containers.push(container);
  await container.start();
  const { NetworkSettings } = await container.inspect();
  const host = Object.values(NetworkSettings.Networks)[0]?.IPAddress || '';
  return { container, ask: (path) => answer(container, host, path) };
}

async function answer(container: Docker.Container, host: string, path: string): Promise<[number, string]> {
  for (const until = Date.now() + 60_000; ; ) {
    try {
      return await get(host, path);
    } catch (error) {
      const { State } = await container.inspect();
      if (State.Running && Date.now() < until) continue;
      const output = await container.logs({ stdout: true, stderr: true });
      throw new Error(`${State.Status} ${State.ExitCode}: ${output.toString('utf8')}`, { cause: error });
    }
  }
}

function get(host: string, path: string): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port: 3456, path, agent: false, timeout: 10_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => resolve([response.statusCode ?? 0, text]));
    });
    request.once('error', (error) => setTimeout(reject, 50, error));
  });
}

it('an Express starter: npm ci, a build script, no development dependencies, not root, ends at once on SIGTERM', async () => {
  const { image } = await made('express');
  const { container, ask } = await started(image);
  expect(await ask('/')).toEqual([200, 'express: built, uid 1000, dev dependency absent']);
  const stoppedAt = Date.now();
  await container.stop({ t: 30 });
  expect(Date.now() - stoppedAt).toBeLessThan(20_000);
  expect((await container.inspect()).State.ExitCode).not.toBe(137);
});

it('a Vite site: built with its public variable, served with a fallback for its own routes', async () => {
  const { image } = await made('vite');
  const { ask } = await started(image);
  expect(await ask('/')).toEqual([200, 'site for https://api.example.test\n']);
  expect(await ask('/deep/link')).toEqual([200, 'site for https://api.example.test\n']);
  expect((await ask('/.env'))[0]).toBe(404);
});

it('a Next.js app: built and started by its own command', async () => {
  const { image } = await made('next');
  const { ask } = await started(image);
  expect(await ask('/')).toEqual([200, 'next production']);
});

it('an npm workspace: the member is built with the package beside it', async () => {
  const { image } = await made('workspace');
  const { ask } = await started(image);
  expect(await ask('/')).toEqual([200, 'web uses shared']);
});

it('a Python app by its Procfile, not root', async () => {
  const { image } = await made('python');
  const { ask } = await started(image);
  expect(await ask('/')).toEqual([200, 'python uid 1000']);
});

it('a plain page, without what was generated for it', async () => {
  const { image } = await made('page');
  const { ask } = await started(image);
  expect(await ask('/')).toEqual([200, '<h1>page</h1>']);
  expect((await ask('/missing'))[0]).toBe(404);
  expect((await ask('/.containr-build/Dockerfile'))[0]).toBe(404);
});
