/** Steps that end with an image on the host: fetched and built, pulled, or found again. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { BuiltImage } from '#drivers/builder/port.js';
import { registryOf } from '#drivers/runtime/docker/image-ref.js';
import type { ContainerRuntime, ImageFacts } from '#drivers/runtime/port.js';
import type { FetchedCommit, SourceStore } from '#drivers/source/port.js';
import { RUNTIME, SOURCE } from '#drivers/tokens.js';
import { BuildRecords, commitTree, ImageMaker, moveBuild } from '#features/builds/index.js';
import { ProviderFetch } from '#features/git-providers/index.js';
import type { BuildLogWriter } from '#features/logs/index.js';
import type { ReleaseConfig } from '#features/releases/index.js';
import { Invalid } from '#platform/errors.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import { type StepContext, type StepKind, stepKind } from '#workflows/workflow.js';
import { DeploymentRecords } from './deployment-records.js';
import { moveDeployment } from './deployments.state.js';

type OfDeployment = { deployment: string };
type FetchParams = OfDeployment & {
  repository: string;
  url: string | null;
  /** Git provider it is fetched with; undefined in plans of the version before. */
  provider?: string | null;
  branch: string | null;
  commit: string | null;
};
type Fetched = { commit: string; branch: string | null; subject: string };
type ImageOutput = { image: string; name: string; tag: string; size?: number };

const FETCH_DEADLINE_MS = 10 * 60_000;
/** 24 hours. */
const BUILD_DEADLINE_MS = 24 * 60 * 60_000;
const PULL_DEADLINE_MS = 30 * 60_000;
const LOOKUP_DEADLINE_MS = 60_000;

@Injectable()
export class ImageSteps {
  constructor(
    @Inject(SOURCE) private readonly source: SourceStore,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly remotes: ProviderFetch,
    private readonly records: DeploymentRecords,
    private readonly maker: ImageMaker,
    private readonly builds: BuildRecords,
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
        // It may wait in line for long; the build itself has the builder's own limit.
        deadlineMs: BUILD_DEADLINE_MS,
        begin: (tx, _run, p) => this.announce(tx, p),
        do: (ctx, p) => this.build(ctx, p),
        commit: keepBuilt,
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
      const { repository, url, provider, branch, commit } = params;
      const found = url
        ? await this.remotes.fetch({ repository, url, provider, branch, commit, log: log.line }, ctx.signal)
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
      const { serviceId } = config;
      const { commit } = ctx.output<Fetched>('source.fetch');
      const tree = commitTree(this.source, serviceId, commit);
      const chosen = await this.maker.choose(tree, wishOf(config), log.line, ctx.signal);
      await this.builds.chosen(params.deployment, chosen);
      const known = chosen.key && (await this.records.knownImage(serviceId, chosen.key));
      if (known && (await this.runtime.images.find(known.imageId))) {
        log.line(`This tree was built before: using ${known.tag}`);
        return { ...imageOutput(known.imageId, known.tag), size: Number(known.sizeBytes) };
      }
      await this.builds.slots.take(params.deployment, log.line, ctx);
      const labels = { 'containr.service': serviceId, 'containr.commit': commit };
      const logins = await this.builds.logins({ projectId: config.projectId, userId: null });
      const progress = this.builds.progress(params.deployment);
      const request = { tag: params.tag, secrets: config.variables, labels, logins, log: log.line, progress };
      const built = await this.maker.make(tree, chosen, request, ctx.signal);
      await this.records.rememberImage({
        id: randomUUID(),
        serviceId,
        contentKey: chosen.key ?? `build:${params.deployment}`,
        tag: params.tag,
        ...imageColumns(built),
      });
      return { ...imageOutput(built.id, params.tag), size: built.sizeBytes };
    });
  }

  /** The build of a deployment is a build like any other, under the deployment's id. */
  private async announce(tx: Tx, { deployment, tag }: OfDeployment & { tag: string }): Promise<void> {
    const { service, commitHash } = await tx.deployment.findUniqueOrThrow({
      where: { id: deployment },
      select: { commitHash: true, service: { select: { id: true, projectId: true } } },
    });
    const { name, tag: imageTag } = imageOutput('', tag);
    const metadata = commitHash ? { commit: commitHash } : {};
    const row = { projectId: service.projectId, serviceId: service.id, imageName: name, imageTag, metadata };
    await tx.build.createMany({ data: [{ id: deployment, deploymentId: deployment, ...row }], skipDuplicates: true });
  }

  private async pull(ctx: StepContext, params: OfDeployment & { ref: string }): Promise<ImageOutput> {
    return this.logged(params.deployment, async (log) => {
      const present = await this.runtime.images.find(params.ref);
      const facts =
        present ?? (await this.runtime.images.ensure(params.ref, log.line, ctx.signal, await this.login(params)));
      if (!present) await this.rememberPulled(params, facts);
      log.line(`Image: ${params.ref} (${facts.id.slice(7, 19)})`);
      return imageOutput(facts.id, params.ref);
    });
  }

  private async login({ deployment, ref }: OfDeployment & { ref: string }) {
    const { config } = await this.records.load(deployment);
    return (await this.builds.logins({ projectId: config.projectId, userId: null }))[registryOf(ref)];
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

async function keepBuilt(tx: Tx, run: unknown, params: OfDeployment, output: ImageOutput): Promise<void> {
  await keepImage(tx, run, params, output);
  const { image, name, tag, size } = output;
  await moveBuild(tx, params.deployment, 'success', {
    imageId: image,
    imageName: name,
    imageTag: tag,
    sizeBytes: size ?? null,
    completedAt: new Date(),
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

function wishOf(config: ReleaseConfig): Parameters<ImageMaker['choose']>[1] {
  const { source, build, variables, secretKeys } = config;
  const type = build.builder_type ?? (source.type === 'dockerfile' ? 'dockerfile' : null);
  const own = build.environment_variables ?? {};
  return {
    // `image` is a service's word for a prebuilt image, which is not built at all.
    type: type === 'image' ? null : type,
    rootDirectory: source.root_directory ?? '',
    dockerfile: source.dockerfile || null,
    buildCommand: build.build_command ?? null,
    startCommand: build.start_command ?? null,
    process: config.type,
    offered: variables,
    variables: { ...publicVariables(variables, secretKeys), ...own },
    scope: config.serviceId,
    // The release brings it when it starts the container.
    bakeStart: false,
  };
}

/** What front-end tools compile into their pages: by their name these are meant for everybody to see. */
const PUBLIC = /^(VITE_|NEXT_PUBLIC_|REACT_APP_|NUXT_PUBLIC_|PUBLIC_|GATSBY_|VUE_APP_|EXPO_PUBLIC_)/;

function publicVariables(variables: Record<string, string>, secretKeys: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([key]) => PUBLIC.test(key) && !secretKeys.includes(key)));
}
