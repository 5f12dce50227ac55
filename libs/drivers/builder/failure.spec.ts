import { type FailureFacts, failure } from './failure.js';

const step = { name: '[2/3] RUN npm ci', error: 'x', output: ['npm ERR! one', 'npm ERR! two'] };
const explain = (text: string, change: Partial<FailureFacts> = {}) =>
  failure({ text, step: null, dockerfile: 'Dockerfile', memoryLimit: 256 * 1024 * 1024, killed: false, ...change });

describe('failure', () => {
  it.each([
    ['executor failed running [/bin/sh -c npm ci]: exit code: 1', 'build_failed'],
    ['process "/bin/sh -c npm ci" did not complete successfully: exit code: 2', 'build_failed'],
    ["The command '/bin/sh -c npm ci' returned a non-zero code: 1", 'build_failed'],
    ['process "/bin/sh -c npm ci" did not complete successfully: exit code: 137', 'build_out_of_memory'],
    ['failed to compute cache key: "/nothere" not found: not found', 'build_failed'],
    ['secret token not found: not found', 'build_failed'],
    [
      'failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 4: unknown instruction: FROOM',
      'dockerfile_invalid',
    ],
    [
      'failed to solve with frontend dockerfile.v0: failed to read dockerfile: open /var/lib/docker/tmp/x/Dockerfile: no such file or directory',
      'dockerfile_invalid',
    ],
    ['dockerfile parse error on line 2: unknown instruction: FROOM', 'dockerfile_invalid'],
    ['Cannot locate specified Dockerfile: Dockerfile', 'dockerfile_invalid'],
    [
      'failed to solve with frontend dockerfile.v0: failed to create LLB definition: failed to do request: Head "https://registry-1.docker.io/v2/library/nope/manifests/1": dial tcp: lookup registry-1.docker.io: no such host',
      'image_unavailable',
    ],
    [
      'nope:1: failed to resolve source metadata for docker.io/library/nope:1: docker.io/library/nope:1: not found',
      'image_unavailable',
    ],
    ['pull access denied for nope, repository does not exist or may require authorization', 'image_unavailable'],
    ['Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host', 'image_unavailable'],
    ['manifest for node:99 not found: manifest unknown', 'image_unavailable'],
    ['write /var/lib/docker/x: no space left on device', 'disk_full'],
    ['something nobody has seen before', 'build_failed'],
  ])('%s: %s', (text, code) => {
    expect(explain(text).code).toBe(code);
  });

  it('names the instruction, the exit code and its last output', () => {
    const error = explain('executor failed running [/bin/sh -c npm ci]: exit code: 1', { step });
    expect(error.message).toBe('"RUN npm ci" failed with exit code 1.\nnpm ERR! one\nnpm ERR! two');
    expect(error.details).toEqual({ exit_code: 1 });
  });

  it('names the image', () => {
    const text =
      'failed to do request: Head "https://registry-1.docker.io/v2/library/nope/manifests/1": dial tcp: no such host';
    expect(explain(text).message).toMatch(/image nope:1 cannot be pulled: .*no such host/);
    const digest = 'failed to do request: Head "https://ghcr.io/v2/a/b/manifests/sha256:00ff": no such host';
    expect(explain(digest).message).toContain('ghcr.io/a/b@sha256:00ff');
  });

  it('names the memory limit, and blames memory only where there was a limit', () => {
    const text = 'executor failed running [/bin/sh -c make]: exit code: 2';
    expect(explain(text, { killed: true, step })).toMatchObject({
      code: 'build_out_of_memory',
      message: expect.stringContaining('256 MiB'),
    });
    expect(explain(text, { killed: true, memoryLimit: null }).code).toBe('build_failed');
    expect(explain('exit code: 137', { memoryLimit: null }).message).toContain('host ran out of memory');
  });

  it('does not take the output of a step for the words of the engine', () => {
    const curl = 'process "/bin/sh -c curl https://x # manifest unknown" did not complete successfully: exit code: 6';
    expect(explain(curl).code).toBe('build_failed');
  });
});
