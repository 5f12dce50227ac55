/** Steps of a build that somebody started: its source, its image, and the image in a registry. */
import { Inject, Injectable } from '@nestjs/common';
import { registryOf } from '#drivers/runtime/docker/image-ref.js';
import type { ContainerRuntime } from '#drivers/runtime/port.js';
import type { SourceStore } from '#drivers/source/port.js';
import { RUNTIME, SOURCE } from '#drivers/tokens.js';
import { ProviderFetch } from '#features/git-providers/index.js';
import type { BuildLogWriter } from '#features/logs/index.js';
import { Invalid } from '#platform/errors.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import { type StepContext, type StepKind, stepKind } from '#workflows/workflow.js';
import type { BuildType } from './build-choice.js';
import { BuildDesk } from './build-desk.js';
import { BuildRecords } from './build-records.js';
import type { AcceptedBuild } from './build-request.js';
import { ImageMaker } from './image-maker.js';
import { commitTree, folderTree, type SourceTree } from './source-tree.js';

type OfBuild = { build: string };
type FetchParams = OfBuild & {
  repository: string;
  url: string | null;
  provider?: string | null;
  branch: string | null;
  commit: string | null;
};
type Fetched = { commit: string };
type Made = { image: string; size: number };

const FETCH_DEADLINE_MS = 10 * 60_000;
const MOVE_DEADLINE_MS = 30 * 60_000;
/** It may wait in line for long; the build itself has the builder's own limit. 24 hours. */
const BUILD_DEADLINE_MS = 24 * 60 * 60_000;

@Injectable()
export class BuildSteps {
  constructor(
    @Inject(SOURCE) private readonly source: SourceStore,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly remotes: ProviderFetch,
    private readonly maker: ImageMaker,
    private readonly records: BuildRecords,
    private readonly desk: BuildDesk,
  ) {}

  kinds(): StepKind[] {
    return [
      stepKind<FetchParams, Fetched>({
        kind: 'build.fetch',
        deadlineMs: FETCH_DEADLINE_MS,
        do: (ctx, p) => this.desk.logged(p.build, (log) => this.fetch(ctx, p, log)),
        commit: (tx, _run, p, { commit }) => this.desk.note(tx, p.build, { commit }),
      }),
      stepKind<OfBuild & { tag: string }, Made>({
        kind: 'build.image',
        deadlineMs: BUILD_DEADLINE_MS,
        do: (ctx, p) => this.desk.logged(p.build, (log, accepted) => this.build(ctx, p, log, accepted)),
        commit: (tx, _run, p, made) => this.keep(tx, p.build, made, p.tag),
        undo: (_ctx, p) => this.runtime.images.ensureAbsent(p.tag),
      }),
      stepKind<OfBuild & { ref: string; local: string }, Made>({
        kind: 'build.take',
        deadlineMs: MOVE_DEADLINE_MS,
        do: (ctx, p) => this.desk.logged(p.build, (log, accepted) => this.take(ctx, p.ref, log, accepted)),
        commit: (tx, _run, p, made) => this.keep(tx, p.build, made, p.ref),
      }),
      stepKind<OfBuild & { local: string; remote: string }, { digest: string | null }>({
        kind: 'build.push',
        deadlineMs: MOVE_DEADLINE_MS,
        do: (ctx, p) => this.desk.logged(p.build, (log, accepted) => this.push(ctx, p.remote, log, accepted)),
        commit: async (tx, _run, p, { digest }) => {
          await tx.build.update({ where: { id: p.build }, data: { digest } });
          await this.desk.note(tx, p.build, { image_ref: p.remote });
        },
      }),
    ];
  }

  private async fetch(ctx: StepContext, params: FetchParams, log: BuildLogWriter): Promise<Fetched> {
    const { repository, url, provider, branch, commit } = params;
    if (url) {
      const wish = { repository, url, provider, branch, commit, log: log.line };
      return { commit: (await this.remotes.fetch(wish, ctx.signal)).commit };
    }
    if (commit) return { commit: (await this.source.require(repository, commit)).commit };
    for (const name of branch ? [branch] : ['main', 'master']) {
      const head = await this.source.head(repository, name);
      if (head) return { commit: (await this.source.require(repository, head)).commit };
    }
    throw new Invalid(
      'nothing_pushed',
      'Nothing has been pushed to the built-in git remote of this service yet: push there first.',
    );
  }

  private async build(
    ctx: StepContext,
    params: OfBuild & { tag: string },
    log: BuildLogWriter,
    accepted: AcceptedBuild,
  ): Promise<Made> {
    const { request, repository, userId, projectId, folder } = accepted;
    const commit = repository ? ctx.output<Fetched>('build.fetch').commit : null;
    const tree: SourceTree = repository
      ? commitTree(this.source, repository.id, commit ?? '')
      : folderTree(folder ?? '');
    const chosen = await this.maker.choose(tree, wishOf(accepted), log.line, ctx.signal);
    await this.records.chosen(params.build, chosen);
    await this.records.slots.take(params.build, log.line, ctx);
    const labels = {
      ...request.labels,
      'containr.build': params.build,
      ...(commit ? { 'containr.commit': commit } : {}),
    };
    const logins = await this.records.logins({ userId, projectId });
    const progress = this.records.progress(params.build);
    const secrets = request.environment ?? {};
    const built = await this.maker.make(
      tree,
      chosen,
      { tag: params.tag, secrets, labels, logins, log: log.line, progress },
      ctx.signal,
    );
    log.line(`Image: ${built.id.slice(7, 19)}, ${built.sizeBytes} bytes`);
    return { image: built.id, size: built.sizeBytes };
  }

  private async take(
    ctx: StepContext,
    ref: string,
    log: BuildLogWriter,
    { userId, projectId }: AcceptedBuild,
  ): Promise<Made> {
    const login = (await this.records.logins({ userId, projectId }))[registryOf(ref)];
    const facts = await this.runtime.images.ensure(ref, log.line, ctx.signal, login);
    log.line(`Image: ${ref} (${facts.id.slice(7, 19)})`);
    return { image: facts.id, size: facts.sizeBytes };
  }

  private async push(
    ctx: StepContext,
    remote: string,
    log: BuildLogWriter,
    accepted: AcceptedBuild,
  ): Promise<{ digest: string | null }> {
    const { userId, projectId, request } = accepted;
    await this.desk.allowed(request.registry_url ?? '');
    const login = (await this.records.logins({ userId, projectId }))[registryOf(remote)];
    const from = request.build_type === 'prebuilt' ? 'build.take' : 'build.image';
    log.line(`Pushing ${remote}${login ? ` as ${login.username}` : ' without a login'}`);
    const pushed = await this.runtime.images.push(ctx.output<Made>(from).image, remote, log.line, ctx.signal, login);
    log.line(`Pushed ${remote}${pushed.digest ? `@${pushed.digest}` : ''}`);
    return pushed;
  }

  private async keep(tx: Tx, id: string, { image, size }: Made, ref: string): Promise<void> {
    await tx.build.update({ where: { id }, data: { imageId: image, sizeBytes: size } });
    await this.desk.note(tx, id, { image_ref: ref });
  }
}

function wishOf({ request, repository, projectId, userId }: AcceptedBuild): Parameters<ImageMaker['choose']>[1] {
  const type = request.build_type === 'prebuilt' ? null : (request.build_type ?? null);
  return {
    type: type satisfies BuildType | null,
    rootDirectory: repository?.rootDirectory ?? '',
    dockerfile: repository?.dockerfile ?? null,
    buildCommand: request.build_command ?? null,
    startCommand: request.start_command ?? null,
    process: 'web',
    offered: {},
    variables: { ...request.environment, ...request.build_args },
    scope: request.service_id ?? projectId ?? userId,
    bakeStart: true,
  };
}
