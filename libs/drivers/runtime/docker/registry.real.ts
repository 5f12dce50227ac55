/** Pushing to and pulling from a registry with a login. */
import { randomUUID } from 'node:crypto';
import Docker from 'dockerode';
import { DockerBuilder } from '../../builder/buildkit.js';
import { requestFor } from '../../builder/conformance.js';
import { importBusybox } from '../../builder/testing/base-image.js';
import { LOGIN, startRegistry, type TestRegistry } from '../testing/registry.js';
import { DockerRuntime } from './docker-runtime.js';

jest.setTimeout(240_000);

const docker = new Docker();
const runtime = new DockerRuntime({ dockerHost: process.env.DOCKER_HOST ?? '' });
const name = `containr-test-${randomUUID().slice(0, 8)}`;
const local = `${name}:latest`;
const never = new AbortController().signal;
const quiet = () => undefined;
let registry: TestRegistry;
let remote: string;

beforeAll(async () => {
  registry = await startRegistry();
  remote = `${registry.host}/team/${name}:v1`;
  await importBusybox(docker, local);
});
afterAll(async () => {
  for (const ref of [remote, local, `${name}-built:1`]) await runtime.images.ensureAbsent(ref);
  runtime.close();
  await registry.close();
});

it('pushes with a login, says the digest, and leaves no name behind', async () => {
  const { digest } = await runtime.images.push(local, remote, quiet, never, LOGIN);
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await runtime.images.find(remote)).toBeNull();
  expect(await runtime.images.find(local)).not.toBeNull();
});

it.each([
  ['no login', undefined],
  ['a wrong password', { ...LOGIN, password: 'wrong' }],
])('is refused with %s, in words that say what to do', async (_what, login) => {
  const pushing = runtime.images.push(local, remote, quiet, never, login);
  const message = expect.stringContaining('registry-credentials');
  await expect(pushing).rejects.toMatchObject({ code: 'push_refused', status: 400, message });
  expect(await runtime.images.find(remote)).toBeNull();
});

it('builds on a private image and pulls it, with the login only', async () => {
  const builder = new DockerBuilder({ dockerHost: process.env.DOCKER_HOST ?? '' });
  const dockerfile = `FROM ${remote}\nRUN echo on a private base\n`;
  const build = (logins: Record<string, typeof LOGIN>) =>
    builder.build(requestFor(dockerfile, `${name}-built:1`, { logins }), never);
  await expect(build({})).rejects.toMatchObject({
    code: 'image_unavailable',
    message: expect.stringContaining(remote),
  });
  expect((await build({ [registry.host]: LOGIN })).id).toMatch(/^sha256:/);
  await expect(runtime.images.ensure(remote, quiet, never)).rejects.toMatchObject({ code: 'image_unavailable' });
  expect((await runtime.images.ensure(remote, quiet, never, LOGIN)).digest).toMatch(/^sha256:/);
});

it('does not take the name of another image', async () => {
  const image = docker.getImage('nginx:1.22');
  const pushing = runtime.images.push(local, 'nginx:1.22', quiet, never, LOGIN);
  await expect(pushing).rejects.toMatchObject({ code: 'image_name_taken', status: 409 });
  expect((await image.inspect()).RepoTags).toContain('nginx:1.22');
});
