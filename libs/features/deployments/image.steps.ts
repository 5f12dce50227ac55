/** Steps that end with an image on the host: fetched and built, pulled, or found again. */
import { createHash, randomUUID } from 'node:crypto';
import path from 'node:path/posix';
import { Inject, Injectable } from '@nestjs/common';
import { declaredArgs } from '#drivers/builder/dockerfile-args.js';
import type { Builder, BuildRequest, BuiltImage } from '#drivers/builder/port.js';
import type { ContainerRuntime, ImageFacts } from '#drivers/runtime/port.js';
import type { FetchedCommit, SourceStore } from '#drivers/source/port.js';
import { BUILDER, RUNTIME, SOURCE } from '#drivers/tokens.js';
import type { BuildLogWriter } from '#features/logs/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Invalid } from '#platform/errors.js';
import { Installation } from '#platform/installation.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import { type StepContext, type StepKind, stepKind } from '#workflows/workflow.js';
import { DeploymentRecords } from './deployment-records.js';
import { moveDeployment } from './deployments.state.js';

type OfDeployment = { deployment: string };
type FetchParams = OfDeployment & {
  repository: string;
  url: string | null;
  branch: string | null;
  commit: string | null;
};
type Fetched = { commit: string; branch: string | null; subject: string };
type ImageOutput = { image: string; name: string; tag: string };

const FETCH_DEADLINE_MS = 10 * 60_000;
const PULL_DEADLINE_MS = 30 * 60_000;
const LOOKUP_DEADLINE_MS = 60_000;

@Injectable()
export class ImageSteps {
  constructor(
    @Inject(SOURCE) private readonly source: SourceStore,
    @Inject(BUILDER) private readonly builder: Builder,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly records: DeploymentRecords,
    private readonly installation: Installation,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  kinds(): StepKind[] {
    return [
      stepKind<FetchParams, Fetched>({
        kind: 'source.fetch',
        deadlineMs: FETCH_DEADLINE_MS,
        begin: building,
        do: (ctx, p) => this.fetch(ctx, p),
        commit: keepCommit,
      }),
      stepKind<OfDeployment & { tag: string }, ImageOutput>({
        kind: 'image.build',
        // The builder has the build's own limit; this one only ends a builder that does not answer.
        deadlineMs: this.config.CONTAINR_BUILD_TIMEOUT_SECONDS * 1000 + 60_000,
        do: (ctx, p) => this.build(ctx, p),
        commit: keepImage,
      }),
      stepKind<OfDeployment & { ref: string }, ImageOutput>({
        kind: 'image.pull',
        deadlineMs: PULL_DEADLINE_MS,
        begin: building,
        do: (ctx, p) => this.pull(ctx, p),
        commit: keepImage,
      }),
      stepKind<OfDeployment & { image: string }, { image: string }>({
        kind: 'image.require',
        deadlineMs: LOOKUP_DEADLINE_MS,
        do: (_ctx, p) => this.require(p.image),
      }),
    ];
  }

  private async fetch(ctx: StepContext, params: FetchParams): Promise<Fetched> {
    return this.logged(params.deployment, async (log) => {
      const { repository, url, branch, commit } = params;
      const found = url
        ? await this.source.fetch({ repository, remote: { url }, branch, commit, log: log.line }, ctx.signal)
        : await this.pushed(repository, branch, commit);
      log.line(`Source: ${found.commit.slice(0, 12)}${found.branch ? ` (${found.branch})` : ''} ${found.subject}`);
      return { commit: found.commit, branch: found.branch, subject: found.subject };
    });
  }

  /** The built-in remote: what was pushed is already here. */
  private async pushed(repository: string, branch: string | null, commit: string | null): Promise<FetchedCommit> {
    if (commit) return { ...(await this.source.require(repository, commit)), branch };
    for (const name of branch ? [branch] : ['main', 'master']) {
      const head = await this.source.head(repository, name);
      if (head) return { ...(await this.source.require(repository, head)), branch: name };
    }
    const wanted = branch ? `branch ${branch}` : 'branch main or master';
    throw new Invalid(
      'nothing_pushed',
      `Nothing has been pushed to ${wanted} of the built-in git remote yet: push there first.`,
    );
  }

  private async build(ctx: StepContext, params: OfDeployment & { tag: string }): Promise<ImageOutput> {
    return this.logged(params.deployment, async (log) => {
      const { config } = await this.records.load(params.deployment);
      const { commit } = ctx.output<Fetched>('source.fetch');
      const root = config.source.root_directory ?? '';
      const dockerfile = config.source.dockerfile || 'Dockerfile';
      const [tree, text] = await Promise.all([
        this.source.treeId(config.serviceId, commit, root),
        this.source.readFile(config.serviceId, commit, path.join(root, dockerfile)),
      ]);
      if (text === null) throw noDockerfile(path.join(root, dockerfile));
      const buildArgs = pick({ ...config.variables, ...config.build.environment_variables }, declaredArgs(text));
      const contentKey = keyOf({ tree, dockerfile, buildArgs });
      const known = await this.records.knownImage(config.serviceId, contentKey);
      if (known && (await this.runtime.images.find(known.imageId))) {
        log.line(`This tree was built before: using ${known.tag}`);
        return imageOutput(known.imageId, known.tag);
      }
      const context = await this.source.context(
        { repository: config.serviceId, commit, rootDirectory: root, dockerfile },
        ctx.signal,
      );
      const labels = await this.labels(config.serviceId, commit);
      const what = { tag: params.tag, context, dockerfile, buildArgs, secrets: config.variables, labels };
      const built = await this.builder.build({ ...what, limits: this.limits(), log: log.line }, ctx.signal);
      await this.records.rememberImage({
        id: randomUUID(),
        serviceId: config.serviceId,
        contentKey,
        tag: params.tag,
        ...imageColumns(built),
      });
      return imageOutput(built.id, params.tag);
    });
  }

  private async labels(serviceId: string, commit: string): Promise<Record<string, string>> {
    return {
      'containr.installation': await this.installation.id(),
      'containr.service': serviceId,
      'containr.commit': commit,
    };
  }

  private limits(): BuildRequest['limits'] {
    return {
      cpus: this.config.CONTAINR_BUILD_CPUS,
      memoryBytes: this.config.CONTAINR_BUILD_MEMORY_MB * 2 ** 20,
      timeoutMs: this.config.CONTAINR_BUILD_TIMEOUT_SECONDS * 1000,
    };
  }

  private async pull(ctx: StepContext, params: OfDeployment & { ref: string }): Promise<ImageOutput> {
    return this.logged(params.deployment, async (log) => {
      const present = await this.runtime.images.find(params.ref);
      const facts = present ?? (await this.runtime.images.ensure(params.ref, log.line, ctx.signal));
      if (!present) await this.rememberPulled(params, facts);
      log.line(`Image: ${params.ref} (${facts.id.slice(7, 19)})`);
      return imageOutput(facts.id, params.ref);
    });
  }

  /** Only what was not here before is ours to remove when the service is deleted. */
  private async rememberPulled({ deployment, ref }: OfDeployment & { ref: string }, facts: ImageFacts): Promise<void> {
    const { config } = await this.records.load(deployment);
    const image = { imageId: facts.id, tag: ref, sizeBytes: BigInt(facts.sizeBytes) };
    await this.records.rememberImage({
      id: randomUUID(),
      serviceId: config.serviceId,
      contentKey: `pulled:${ref}`,
      ...image,
    });
  }

  private async require(image: string): Promise<{ image: string }> {
    if (!(await this.runtime.images.find(image))) {
      throw new Invalid(
        'image_gone',
        'The image of that deployment is no longer on the host: deploy its commit again.',
      );
    }
    return { image };
  }

  private async logged<T>(deploymentId: string, work: (log: BuildLogWriter) => Promise<T>): Promise<T> {
    const log = await this.records.openLog(deploymentId);
    try {
      return await work(log);
    } finally {
      await log.close();
    }
  }
}

const building = (tx: Tx, _run: unknown, params: OfDeployment) => moveDeployment(tx, params.deployment, 'building', {});

async function keepCommit(tx: Tx, _run: unknown, params: OfDeployment, fetched: Fetched): Promise<void> {
  const { commit, branch, subject } = fetched;
  await tx.deployment.update({
    where: { id: params.deployment },
    data: { commitHash: commit, branch, commitMessage: subject.slice(0, 500) },
  });
}

async function keepImage(tx: Tx, _run: unknown, params: OfDeployment, output: ImageOutput): Promise<void> {
  const { image, name, tag } = output;
  await tx.deployment.update({
    where: { id: params.deployment },
    data: { imageId: image, imageName: name, imageTag: tag },
  });
}

function imageColumns(built: BuiltImage) {
  return { imageId: built.id, sizeBytes: BigInt(built.sizeBytes) };
}

/** `host:5000/team/app:v1` -> name and tag. */
export function imageOutput(image: string, ref: string): ImageOutput {
  const [plain = '', digest] = ref.split('@');
  const colon = plain.lastIndexOf(':');
  const tagged = colon > plain.lastIndexOf('/');
  return {
    image,
    name: tagged ? plain.slice(0, colon) : plain,
    tag: tagged ? plain.slice(colon + 1) : (digest ?? 'latest'),
  };
}

function noDockerfile(where: string): Invalid {
  return new Invalid(
    'dockerfile_not_found',
    `There is no ${where} in this commit: add one, or set the service's root_directory or dockerfile.`,
  );
}

function pick(values: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
}

/** Equal keys mean that building again would make the same image. */
function keyOf(parts: { tree: string; dockerfile: string; buildArgs: Record<string, string> }): string {
  const args = Object.entries(parts.buildArgs).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([parts.tree, parts.dockerfile, args]))
    .digest('hex');
}
