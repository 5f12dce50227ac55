/** DockerBuilder against the Docker Engine of this machine. */
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { DockerBuilder } from './buildkit.js';
import { builderConformance, requestFor } from './conformance.js';
import { readEvents } from './events.js';
import { contextOf, importBusybox } from './testing/base-image.js';
import { decodeTrace } from './trace.js';

const docker = new Docker();
const suite = randomUUID().slice(0, 8);
const base = `containr-test-base-${suite}:1`;
const made: string[] = [];
const builder = new DockerBuilder({});
const never = new AbortController().signal;
const tag = () => {
  made.push(`containr-test-${suite}:${randomUUID()}`);
  return made.at(-1) ?? '';
};
const exists = (name: string) =>
  docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      () => false,
    );
/** Unique text: BuildKit must not answer from its cache. */
const fresh = () => `: ${randomUUID()}`;

/** Ids of running processes whose command line holds the text. */
async function processesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    const line = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : '';
    if (line.includes(text)) found.push(pid);
  }
  return found;
}

async function build(dockerfile: string, change: Parameters<typeof requestFor>[2] = {}) {
  const lines: string[] = [];
  const image = tag();
  const request = requestFor(dockerfile, image, { log: (line) => lines.push(line), ...change });
  const result = await builder.build(request, never).then(
    (built) => ({ built, error: null }),
    (error: Error & { code?: string }) => ({ built: null, error }),
  );
  return { ...result, image, lines, text: lines.join('\n') };
}

beforeAll(() => importBusybox(docker, base));
afterAll(async () => {
  for (const name of [...made, base])
    await docker
      .getImage(name)
      .remove()
      .catch(() => undefined);
});

builderConformance('Docker Engine', () => ({
  builder,
  good: `FROM ${base}\nCOPY app.txt /\n`,
  failing: `FROM ${base}\nRUN echo about to fail; exit 3\n`,
  endless: `FROM ${base}\nRUN ${fresh()}; while true; do sleep 1; done\n`,
  withArg: `FROM ${base}\nARG COLOUR\nRUN echo colour=$COLOUR\n`,
  exists,
  tag,
}));

describe('log', () => {
  it('reads like docker build --progress=plain', async () => {
    const run = await build(`FROM ${base}\nRUN ${fresh()}; echo one; printf 'a\\rb\\n'; echo two >&2\n`);
    expect(run.error).toBeNull();
    const [, step] = /^#(\d+) \[2\/2\] RUN : /m.exec(run.text) ?? [];
    expect(step).toBeDefined();
    const own = run.lines.filter((line) => line.startsWith(`#${step} `)).slice(1);
    expect(
      own
        .slice(0, -1)
        .map((line) => line.replace(/^#\d+ \d+\.\d{3} /, ''))
        .sort(),
    ).toEqual(['b', 'one', 'two']);
    expect(own.at(-1)).toMatch(/^#\d+ DONE \d+\.\ds$/);
  });

  it('says CACHED for a step it did not run again', async () => {
    const dockerfile = `FROM ${base}\nRUN ${fresh()}; echo once\n`;
    expect((await build(dockerfile)).text).toContain('once');
    const again = await build(dockerfile);
    expect(again.text).toMatch(/^#\d+ CACHED$/m);
    expect(again.text).not.toMatch(/^#\d+ \d+\.\d{3} once$/m);
  });
});

describe('secrets', () => {
  const secret = `s3cret-${randomUUID()}`;
  const step = (command: string) => `FROM ${base}\nRUN --mount=type=secret,id=token ${fresh()}; ${command}\n`;

  it('are mounted for the step, also late in the build, and are in no layer, history or log line', async () => {
    const waits = `FROM ${base}\nRUN ${fresh()}; sleep 3\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token; cat /run/secrets/token\n`;
    const run = await build(waits, { secrets: { token: secret } });
    expect(run.error).toBeNull();
    expect(run.text).toContain(` ${secret.length}`);
    expect(run.text).not.toContain(secret);
    expect(run.text).toContain('********');
    expect(JSON.stringify(await docker.getImage(run.image).history())).not.toContain(secret);
    expect(JSON.stringify(await docker.getImage(run.image).inspect())).not.toContain(secret);
  });

  it('are absent when not given, and the failure does not quote them when they are', async () => {
    expect((await build(step('test ! -e /run/secrets/token'))).error).toBeNull();
    const failing = await build(step('cat /run/secrets/token; exit 4'), { secrets: { token: secret } });
    expect(failing.error?.message).toContain('exit code 4');
    expect(failing.error?.message).not.toContain(secret);
  });
});

describe('limits', () => {
  const memoryBytes = 64 * 1024 * 1024;
  const limits = { cpus: 0.5, memoryBytes, timeoutMs: 50_000 };
  const eater = `FROM ${base}\nRUN ${fresh()}; echo eating; awk 'BEGIN { s = "xxxxxxxx"; while (length(s) < 2000000000) s = s s }'\n`;

  it('ends a build that eats memory, and another build beside it does not notice', async () => {
    const [hungry, modest] = await Promise.all([
      build(eater, { limits }),
      build(`FROM ${base}\nRUN ${fresh()}; awk 'BEGIN { s = "xxxxxxxx"; while (length(s) < 100000000) s = s s }'\n`, {
        limits: { ...limits, memoryBytes: 512 * 1024 * 1024 },
      }),
    ]);
    expect(hungry.error).toMatchObject({ code: 'build_out_of_memory', message: expect.stringContaining('64 MiB') });
    expect(await exists(hungry.image)).toBe(false);
    expect(modest.error).toBeNull();
  });

  it('sees the limits from inside, and none on a build of somebody else', async () => {
    const show = (text: string) =>
      `FROM ${base}\nRUN : ${text}; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max\n`;
    const ours = await build(show(randomUUID()), { limits });
    expect(ours.text).toMatch(new RegExp(`\\b${memoryBytes}\\b[\\s\\S]*\\b50000\\b`));
    const stream = await docker.buildImage(contextOf({ Dockerfile: show(randomUUID()) }), { version: '2', t: tag() });
    const theirs = await outputOf(stream as Readable);
    expect(theirs).not.toContain(String(memoryBytes));
    expect(theirs).toMatch(/-1|max/);
  });

  it('lets the kernel take a step before the platform when the machine has no memory left', async () => {
    const waits =
      'n=0; while [ $n -lt 300 ]; do grep -q 800 /proc/self/oom_score_adj && break; sleep 0.1; n=$((n+1)); done';
    const run = await build(
      `FROM ${base}\nRUN ${fresh()}; ${waits}; cat /proc/self/oom_score_adj | awk '{ print "score=" $1 }'\n`,
      {
        limits,
      },
    );
    expect(run.text).toContain('score=800');
  });

  it('keeps the layer cache between builds although each carries its own marker', async () => {
    const dockerfile = `FROM ${base}\nRUN ${fresh()}; env\n`;
    const first = await build(dockerfile, { limits, buildArgs: { no_proxy: 'internal.example' } });
    expect(first.text).toMatch(/NO_PROXY=internal\.example,.*\.build\.containr\.invalid/);
    const second = await build(dockerfile, { limits });
    expect(second.built?.id).toBe(first.built?.id);
    expect(JSON.stringify(await docker.getImage(second.image).inspect())).not.toContain('containr.invalid');
  });

  it('leaves no control group behind', async () => {
    await build(`FROM ${base}\nRUN ${fresh()}; true\n`, { limits });
    const groups = await readdir('/sys/fs/cgroup/memory/docker/buildkit').catch(() => [] as string[]);
    const folders = groups.filter((name) => !name.includes('.') && /^[0-9a-z]{25}$/.test(name));
    const running = await readdir('/var/lib/docker/buildkit/executor');
    expect(folders.filter((name) => !running.includes(name))).toEqual([]);
  });
});

describe('cancel', () => {
  it('leaves no process of the build', async () => {
    const mark = randomUUID();
    const abort = new AbortController();
    const log = (line: string) => {
      if (line.includes('started')) abort.abort(new Error('stop'));
    };
    const dockerfile = `FROM ${base}\nRUN : ${mark}; echo started; while true; do sleep 1; done\n`;
    await expect(builder.build(requestFor(dockerfile, tag(), { log }), abort.signal)).rejects.toThrow('stop');
    expect(await processesWith(mark)).toEqual([]);
  });
});

describe('failures', () => {
  it('says what COPY did not find', async () => {
    const run = await build(`FROM ${base}\nCOPY nothere /x\n`);
    expect(run.error).toMatchObject({ code: 'build_failed', message: expect.stringMatching(/nothere.*not found/s) });
  });

  it('quotes no more than the last 20 lines', async () => {
    const run = await build(`FROM ${base}\nRUN ${fresh()}; seq 1 500; exit 9\n`);
    const quoted = run.error?.message.split('\n').slice(1) ?? [];
    expect(quoted).toHaveLength(20);
    expect(quoted.at(-1)).toBe('500');
  });

  it('tells a "# syntax" image from a FROM image', async () => {
    const run = await build(`# syntax=registry.invalid/docker/dockerfile:1\nFROM ${base}\n`);
    expect(run.error).toMatchObject({ code: 'image_unavailable', message: expect.stringContaining('# syntax') });
  });

  it('is Unavailable when the engine does not answer', async () => {
    const nobody = new DockerBuilder({ dockerHost: 'unix:///nonexistent/docker.sock' });
    await expect(nobody.build(requestFor('FROM scratch\n', tag()), never)).rejects.toMatchObject({
      code: 'engine_unreachable',
      transient: true,
    });
  });
});

/** What the steps of a build that is not ours printed. */
async function outputOf(stream: Readable): Promise<string> {
  const texts: string[] = [];
  for await (const event of readEvents(stream)) {
    const output = typeof event.aux === 'string' ? decodeTrace(event.aux).output : [];
    texts.push(...output.map((each) => each.text.toString('utf8')));
  }
  return texts.join('');
}
