/** A real engine for one test file: a network, the test image, and nothing left behind. */
import { randomUUID } from 'node:crypto';
import { DockerRuntime } from '../docker/docker-runtime.js';
import type { Handle, LogLine, LogQuery, WorkloadSpec } from '../port.js';
import { makeTestImage, type TestImage, testDocker } from './test-image.js';

export const never = new AbortController().signal;

/** A perl program as the command of a job. */
export const perl = (script: string): Partial<WorkloadSpec> => ({
  command: ['/usr/bin/perl', '-e', script],
  restart: 'never',
});

export class RealEngine {
  /** Somebody else's client, for what happens behind the driver's back. */
  readonly docker = testDocker();
  readonly run = randomUUID().slice(0, 8);
  readonly owner = { installation: randomUUID() };
  readonly network = `engine-${this.run}`;
  runtime: DockerRuntime;
  image: TestImage;
  private counter = 0;
  private undo: (() => Promise<unknown>)[] = [];

  constructor() {
    beforeAll(() => this.open(), 120_000);
    afterEach(() => this.clean(), 60_000);
    afterAll(() => this.close(), 60_000);
  }

  spec(change: Partial<WorkloadSpec> = {}): WorkloadSpec {
    return {
      name: `engine-${this.run}-${this.counter++}`,
      labels: { ...this.owner, project: 'p1', service: 's1', deployment: 'd1', role: 'release', replica: 0 },
      image: this.image.ref,
      env: { PORT: '4000' },
      network: this.network,
      aliases: ['web'],
      limits: { cpus: 1, memoryBytes: 64 * 1024 * 1024, pids: 50 },
      mounts: [],
      restart: 'always',
      graceSeconds: 5,
      ...change,
    };
  }

  start(wanted: WorkloadSpec): Promise<Handle> {
    return this.runtime.ensureRunning(wanted, never);
  }

  /** After the test, newest first, once our containers are gone. */
  afterwards(undo: () => Promise<unknown>): void {
    this.undo.push(undo);
  }

  async read(handle: Handle, query: Partial<LogQuery> = {}): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    const batches = this.runtime.logs(handle, { tail: 'all', follow: true, ...query }, never);
    for await (const batch of batches) lines.push(...batch);
    return lines;
  }

  /** A container that somebody else made. */
  async foreign(name: string, networkMode = 'none'): Promise<{ id: string; startedAt(): Promise<string> }> {
    const HostConfig = { NetworkMode: networkMode };
    const container = await this.docker.createContainer({ name, Image: this.image.ref, HostConfig });
    this.afterwards(() => container.remove({ force: true }));
    await container.start();
    return { id: container.id, startedAt: async () => (await container.inspect()).State.StartedAt };
  }

  private async open(): Promise<void> {
    this.image = await makeTestImage();
    this.runtime = new DockerRuntime();
    await this.runtime.networks.ensure(this.network, { ...this.owner, project: 'p1' });
  }

  private async clean(): Promise<void> {
    for (const { name } of await this.runtime.observe(this.owner)) {
      await this.runtime.ensureAbsent(name, this.owner, { graceSeconds: 0 });
    }
    for (const undo of this.undo.splice(0).reverse()) await undo();
  }

  private async close(): Promise<void> {
    await this.runtime.networks.ensureAbsent(this.network, this.owner);
    await this.image.remove();
    this.runtime.close();
  }
}
