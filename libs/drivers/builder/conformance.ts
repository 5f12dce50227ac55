/** What every Builder does, run against the fake and the real engine. */
import { Readable } from 'node:stream';
import type { Builder, BuildRequest } from './port.js';
import { contextOf } from './testing/base-image.js';

export interface BuilderSubject {
  builder: Builder;
  /** A Dockerfile that builds. */
  good: string;
  /** A Dockerfile with a RUN that fails with exit code 3 after printing `about to fail`. */
  failing: string;
  /** A Dockerfile whose build does not end by itself. */
  endless: string;
  /** A Dockerfile that prints the build argument COLOUR as `colour=<value>`. */
  withArg: string;
  /** Tag of an image that is on the engine. */
  exists(tag: string): Promise<boolean>;
  /** A name nobody else uses. */
  tag(): string;
}

export function requestFor(dockerfile: string, tag: string, change: Partial<BuildRequest> = {}): BuildRequest {
  return {
    tag,
    context: contextOf({ Dockerfile: dockerfile, 'app.txt': tag }),
    dockerfile: 'Dockerfile',
    buildArgs: {},
    secrets: {},
    labels: {},
    limits: { cpus: 1, memoryBytes: 256 * 1024 * 1024, timeoutMs: 60_000 },
    log: () => undefined,
    ...change,
  };
}

export function builderConformance(name: string, subject: () => BuilderSubject): void {
  const never = new AbortController().signal;

  describe(`Builder conformance: ${name}`, () => {
    it('makes an image with that tag, an id and a size, and logs lines', async () => {
      const { builder, good, tag, exists } = subject();
      const lines: string[] = [];
      const image = tag();
      const built = await builder.build(requestFor(good, image, { log: (line) => lines.push(line) }), never);
      expect(built.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(built.sizeBytes).toBeGreaterThan(0);
      expect(await exists(image)).toBe(true);
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.filter((line) => line.includes('\n'))).toEqual([]);
    });

    it('hands build arguments to the build', async () => {
      const { builder, withArg, tag } = subject();
      const lines: string[] = [];
      const colour = `blue-${tag().replace(/\W/g, '')}`;
      await builder.build(
        requestFor(withArg, tag(), { buildArgs: { COLOUR: colour }, log: (line) => lines.push(line) }),
        never,
      );
      expect(lines.some((line) => line.includes(`colour=${colour}`))).toBe(true);
    });

    it('says which step failed, with what code, and its last output', async () => {
      const { builder, failing, tag, exists } = subject();
      const image = tag();
      const context = contextOf({ Dockerfile: failing });
      await expect(builder.build(requestFor(failing, image, { context }), never)).rejects.toMatchObject({
        code: 'build_failed',
        status: 400,
        message: expect.stringMatching(/RUN[\s\S]*exit code 3[\s\S]*about to fail/),
      });
      expect(await exists(image)).toBe(false);
      expect(context.destroyed).toBe(true);
    });

    it('refuses a context without the Dockerfile and one that is not a Dockerfile', async () => {
      const { builder, tag } = subject();
      const without = requestFor('', tag(), { context: contextOf({ 'readme.md': 'x' }) });
      await expect(builder.build(without, never)).rejects.toMatchObject({ code: 'dockerfile_invalid' });
      await expect(builder.build(requestFor('FROOM x\n', tag()), never)).rejects.toMatchObject({
        code: 'dockerfile_invalid',
      });
    });

    it('names a base image that cannot be had', async () => {
      const { builder, tag } = subject();
      const request = requestFor('FROM registry.invalid/no/such-image:1\n', tag());
      await expect(builder.build(request, never)).rejects.toMatchObject({
        code: 'image_unavailable',
        message: expect.stringContaining('registry.invalid/no/such-image:1'),
      });
    });

    it('ends at its time limit', async () => {
      const { builder, endless, tag, exists } = subject();
      const image = tag();
      const limits = { cpus: 1, memoryBytes: 256 * 1024 * 1024, timeoutMs: 1000 };
      const started = Date.now();
      await expect(builder.build(requestFor(endless, image, { limits }), never)).rejects.toMatchObject({
        code: 'build_timeout',
      });
      expect(Date.now() - started).toBeLessThan(4000);
      expect(await exists(image)).toBe(false);
    });

    it('aborts with the reason of the signal, within 2 s, and leaves no image', async () => {
      const { builder, endless, tag, exists } = subject();
      const image = tag();
      const abort = new AbortController();
      const reason = new Error('cancelled by the user');
      let abortedAt = 0;
      const log = (line: string) => {
        if (abortedAt > 0 || !line.includes('RUN')) return;
        abortedAt = Date.now();
        abort.abort(reason);
      };
      await expect(builder.build(requestFor(endless, image, { log }), abort.signal)).rejects.toBe(reason);
      expect(Date.now() - abortedAt).toBeLessThan(2000);
      expect(await exists(image)).toBe(false);
    });

    it('does not start when the signal is aborted already, and destroys the context', async () => {
      const { builder, good, tag } = subject();
      const request = requestFor(good, tag());
      const reason = new Error('too late');
      await expect(builder.build(request, AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(request.context.destroyed).toBe(true);
    });

    it('fails when the context breaks off', async () => {
      const { builder, good, tag } = subject();
      const context = new Readable({ read() {} });
      const building = builder.build(requestFor(good, tag(), { context }), never);
      context.destroy(new Error('disk gone'));
      await expect(building).rejects.toMatchObject({ code: 'context_broken' });
    });
  });
}
