/** A Builder in memory for tests: reads the context, understands just enough of a Dockerfile, and fails on demand. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { AppError, Internal, Invalid } from '#platform/errors.js';
import { declaredArgs } from './dockerfile-args.js';
import type { Builder, BuildRequest, BuiltImage } from './port.js';
import { Stop } from './stop.js';

export interface FakeBuild {
  request: Omit<BuildRequest, 'context' | 'log' | 'progress'>;
  /** Path -> contents of the context's files. */
  files: Record<string, string>;
}

const INSTRUCTION =
  /^(FROM|RUN|COPY|ADD|ARG|ENV|WORKDIR|EXPOSE|CMD|ENTRYPOINT|USER|LABEL|SHELL|VOLUME|HEALTHCHECK|STOPSIGNAL)\b/i;

/**
 * Understood in a RUN: `exit N`, `echo TEXT` with `$NAME` of declared arguments, `sleep infinity` (builds until stopped). A FROM of a
 * host that ends in `.invalid` cannot be pulled. Everything else succeeds.
 */
export class FakeBuilder implements Builder {
  /** Builds that got as far as reading their context, oldest first. */
  readonly builds: FakeBuild[] = [];
  /** Tag -> image, as the engine would hold them. */
  readonly images = new Map<string, BuiltImage>();
  /** What each call of `pruneCache` was asked to keep. */
  readonly prunes: number[] = [];
  private failures: Error[] = [];
  private gate: Promise<void> = Promise.resolve();

  async pruneCache(keepBytes: number): Promise<number> {
    this.prunes.push(keepBytes);
    return 0;
  }

  /** The next build fails with this error after its context was read; call again for the one after. */
  failNext(error: Error): void {
    this.failures.push(error);
  }

  /** Builds wait (and can be aborted) until the returned function is called. */
  hold(): () => void {
    let release = () => {};
    this.gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  async build(request: BuildRequest, signal: AbortSignal): Promise<BuiltImage> {
    const stop = new Stop(signal, request);
    try {
      signal.throwIfAborted();
      return await Promise.race([this.perform(request, stop.signal), whenAborted(stop.signal)]);
    } catch (error) {
      throw stop.reason() ?? error;
    } finally {
      stop.clear();
      request.context.destroy();
    }
  }

  private async perform(request: BuildRequest, signal: AbortSignal): Promise<BuiltImage> {
    const files = await readContext(request.context);
    const { context: _context, log: _log, progress: _progress, ...rest } = request;
    this.builds.push({ request: rest, files });
    await this.gate;
    const failure = this.failures.shift();
    if (failure) throw failure;
    await this.interpret(request, files, signal);
    signal.throwIfAborted();
    return this.keep(request, files);
  }

  private async interpret(request: BuildRequest, files: Record<string, string>, signal: AbortSignal): Promise<void> {
    const dockerfile = files[request.dockerfile];
    if (dockerfile === undefined)
      throw new Invalid('dockerfile_invalid', `There is no file "${request.dockerfile}" in the build context.`);
    const args = Object.fromEntries(declaredArgs(dockerfile).map((name) => [name, request.buildArgs[name] ?? '']));
    const lines = dockerfile.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
    for (const [index, line] of lines.entries()) {
      if (!INSTRUCTION.test(line))
        throw new Invalid('dockerfile_invalid', `unknown instruction: ${line.split(' ')[0]}`);
      request.progress?.(index, lines.length);
      await execute(request, { line, label: `[${index + 1}/${lines.length}] ${line}`, args, signal });
    }
  }

  private keep(request: BuildRequest, files: Record<string, string>): BuiltImage {
    const digest = createHash('sha256')
      .update(JSON.stringify([files, request.buildArgs, request.labels]))
      .digest('hex');
    const image = { id: `sha256:${digest}`, sizeBytes: JSON.stringify(files).length };
    this.images.set(request.tag, image);
    return image;
  }
}

interface FakeStep {
  line: string;
  label: string;
  args: Record<string, string>;
  signal: AbortSignal;
}

async function execute(request: BuildRequest, step: FakeStep): Promise<void> {
  request.log(`#1 ${step.label}`);
  const base = /^FROM\s+(\S+\.invalid\/\S+)/i.exec(step.line)?.[1];
  if (base) throw new Invalid('image_unavailable', `The image ${base} cannot be pulled: no such host.`);
  if (!/^RUN\b/i.test(step.line)) return;
  const printed = /echo ([^;&]+)/
    .exec(step.line)?.[1]
    ?.trim()
    .replace(/\$(\w+)/g, (_all, name: string) => step.args[name] ?? '');
  if (printed) request.log(`#1 0.001 ${printed}`);
  if (/sleep infinity/.test(step.line)) await whenAborted(step.signal);
  const code = /exit ([1-9]\d*)/.exec(step.line)?.[1];
  if (code) throw new Invalid('build_failed', `"${step.line}" failed with exit code ${code}.\n${printed ?? ''}`);
}

/** Rejects with the signal's reason; otherwise it stays pending and is collected with its race. */
function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function readContext(context: Readable): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const archive = extract();
  context.on('error', (error) => archive.destroy(error));
  context.pipe(archive);
  try {
    for await (const entry of archive) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      if (entry.header.type === 'file') files[entry.header.name] = Buffer.concat(chunks).toString('utf8');
    }
  } catch (cause) {
    throw cause instanceof AppError
      ? cause
      : new Internal('context_broken', 'The build context could not be read; deploy again.', { cause });
  }
  return files;
}
