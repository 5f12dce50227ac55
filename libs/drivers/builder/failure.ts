/**
 * The engine's words for a failed build -> an error that tells the user what to change. Both builders put everything into one string, so
 * this goes by the texts of Engine 20.10 (BuildKit 0.8) to 28 (BuildKit 0.22); an unknown text is a failed build.
 */
import { type AppError, Capacity, Invalid, Unavailable } from '#platform/errors.js';
import type { FailedStep } from './progress.js';

export interface FailureFacts {
  /** What the engine said. */
  text: string;
  step: FailedStep | null;
  dockerfile: string;
  /** Bytes that a RUN step could use; null when no limit could be applied. */
  memoryLimit: number | null;
  /** The kernel reported an OOM kill, or the output shows one. */
  killed: boolean;
}

const PULL =
  /failed to do request|Get "https?:\/\/[^"]+\/v2\/|pull access denied|manifest (for \S+ )?(unknown|not found)|failed to resolve (source metadata|reference)|toomanyrequests|authorization failed|no match for platform|unexpected status code|unauthorized:|no basic auth credentials|pulling from host \S+ failed|failed to authorize|insufficient_scope/i;
const DOCKERFILE =
  /dockerfile parse error|unknown instruction|failed to read dockerfile|cannot locate specified dockerfile|failed to create LLB definition|failed to parse|no build stage in current context|cannot be empty|syntax error|circular dependency|unknown flag/i;
const EXIT = /(?:exit code: |returned a non-zero code: )(\d+)/;
const KILLED_EXIT = 137;

const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;

/** `https://registry-1.docker.io/v2/library/node/manifests/20` -> `node:20` */
function imageOf(text: string): string | null {
  const from = /^FROM (?:--\S+ )?(\S+)/i.exec(text)?.[1];
  if (from) return from;
  const url = /https?:\/\/([^/"\s]+)\/v2\/([^"\s]+?)\/manifests\/([^"\s]+)/.exec(text);
  if (!url)
    return /(?:for|metadata for|reference) "?((?:[\w.-]+(?::\d+)?\/)+[\w.-]+(?::[\w.-]+)?)"?/.exec(text)?.[1] ?? null;
  const [, registry, name = '', tag = ''] = url;
  const separator = tag.startsWith('sha256:') ? '@' : ':';
  const host = registry === 'registry-1.docker.io' ? '' : `${registry}/`;
  return `${host}${host ? name : name.replace(/^library\//, '')}${separator}${tag}`;
}

function imageUnavailable(facts: FailureFacts): AppError {
  const image = imageOf(facts.step?.name ?? '') ?? imageOf(facts.text);
  const reason = facts.text.split(': ').slice(-2).join(': ');
  if (
    /gateway\.v0|dockerfile-frontend|resolve image config for .*docker\/dockerfile/.test(
      `${facts.text} ${facts.step?.name}`,
    )
  ) {
    const advice =
      'Remove the "# syntax=" line from the Dockerfile, or make that image available to the Docker Engine.';
    return new Invalid(
      'image_unavailable',
      `The Dockerfile's "# syntax=" image ${image ?? ''} cannot be pulled (${reason}). ${advice}`,
    );
  }
  const advice =
    'Check its name and tag, that the registry is public and reachable from the host, or load the image onto the host (see "air-gapped install").';
  return new Invalid(
    'image_unavailable',
    `The image ${image ?? 'of a FROM line'} cannot be pulled: ${reason}. ${advice}`,
  );
}

function dockerfileInvalid(facts: FailureFacts): AppError {
  if (/failed to read dockerfile|cannot locate specified dockerfile/i.test(facts.text)) {
    const advice = 'Add one, or set "dockerfile" and "root_directory" of the service to where it is.';
    return new Invalid('dockerfile_invalid', `There is no file "${facts.dockerfile}" in the build context. ${advice}`);
  }
  const reason = facts.text.replace(/^.*failed to create LLB definition: /s, '');
  return new Invalid('dockerfile_invalid', `"${facts.dockerfile}" is not a valid Dockerfile: ${reason}`);
}

function outOfMemory(facts: FailureFacts, limit: number): AppError {
  const step = facts.step ? `"${instruction(facts.step)}"` : 'A step';
  const advice = "Raise the service's memory, or make the step use less (for Node: NODE_OPTIONS=--max-old-space-size).";
  return new Invalid(
    'build_out_of_memory',
    `${step} was killed because it used more than the build's ${megabytes(limit)} of memory. ${advice}`,
    { details: { memory_bytes: limit } },
  );
}

/** `[stage 2/3] RUN npm ci` -> `RUN npm ci` */
const instruction = (step: FailedStep): string => step.name.replace(/^\[[^\]]*\] /, '');

function buildFailed(facts: FailureFacts): AppError {
  const exit = EXIT.exec(facts.text)?.[1];
  const head = facts.step ? `"${instruction(facts.step)}" failed` : 'The build failed';
  const advice = exit === String(KILLED_EXIT) ? ' (killed: most likely the host ran out of memory)' : '';
  const reason = exit ? ` with exit code ${exit}${advice}.` : `: ${facts.text}`;
  const output = facts.step?.output.length ? `\n${facts.step.output.join('\n')}` : '';
  return new Invalid('build_failed', `${head}${reason}${output}`, { details: exit ? { exit_code: Number(exit) } : {} });
}

export function failure(facts: FailureFacts): AppError {
  if (/no space left on device/i.test(facts.text)) {
    return new Capacity(
      'disk_full',
      'The disk of the build host is full: free some space or remove old deployments, then deploy again.',
    );
  }
  const exit = EXIT.exec(facts.text)?.[1];
  if (exit === undefined) {
    if (PULL.test(facts.text)) return imageUnavailable(facts);
    if (DOCKERFILE.test(facts.text)) return dockerfileInvalid(facts);
  }
  if (facts.memoryLimit !== null && (exit === String(KILLED_EXIT) || facts.killed))
    return outOfMemory(facts, facts.memoryLimit);
  return buildFailed(facts);
}

export function engineUnreachable(cause: unknown): Unavailable {
  return new Unavailable(
    'engine_unreachable',
    'The Docker Engine does not answer; the build is tried again when it does.',
    { cause },
  );
}
