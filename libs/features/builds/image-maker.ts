/** Source -> image on the host. Used by the builds that somebody starts and by those of deployments. */
import { readFile } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import { inFront, tarOf } from '#drivers/builder/context-files.js';
import type { Builder, BuildRequest, BuiltImage } from '#drivers/builder/port.js';
import type { BuildPrograms } from '#drivers/builder/programs.js';
import { BUILD_PROGRAMS, BUILDER } from '#drivers/tokens.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Internal } from '#platform/errors.js';
import { Installation } from '#platform/installation.js';
import { type BuildWish, CA_SECRET, type ChosenBuild, chooseBuild, GENERATED } from './build-choice.js';
import type { SourceTree } from './source-tree.js';

export interface MakeRequest {
  tag: string;
  /** Values that the Dockerfile may mount: id -> value. */
  secrets: Record<string, string>;
  /** Beside our own. */
  labels: Record<string, string>;
  logins: BuildRequest['logins'];
  log: (line: string) => void;
  progress: (done: number, total: number) => void;
}

type Wish = Omit<BuildWish, 'ca'>;

@Injectable()
export class ImageMaker {
  constructor(
    @Inject(BUILDER) private readonly builder: Builder,
    @Inject(BUILD_PROGRAMS) private readonly programs: BuildPrograms,
    private readonly installation: Installation,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** How it will be built; runs Railpack or Nixpacks when they do it. @throws what chooseBuild throws; Invalid `builder_failed` */
  async choose(tree: SourceTree, wish: Wish, log: (line: string) => void, signal: AbortSignal): Promise<ChosenBuild> {
    const ca = this.config.CONTAINR_BUILD_CA_FILE !== undefined;
    const choice = await chooseBuild(tree, { ...wish, ca }, await this.programs.installed());
    if (choice.kind === 'ready') {
      for (const note of choice.build.notes) log(note);
      return choice.build;
    }
    log(`No Dockerfile is used: ${choice.type} prepares the build.`);
    const context = await tree.context(wish.rootDirectory, GENERATED, signal);
    const { buildCommand, startCommand, variables } = wish;
    const request = { program: choice.type, context, buildCommand, startCommand, variables, generated: GENERATED, log };
    const made = await this.programs.prepare(request, signal);
    return {
      ...made,
      type: choice.type,
      name: choice.type,
      root: wish.rootDirectory,
      usesCa: false,
      key: null,
      notes: [],
    };
  }

  /** @throws what Builder.build throws */
  async make(tree: SourceTree, chosen: ChosenBuild, request: MakeRequest, signal: AbortSignal): Promise<BuiltImage> {
    const { tag, logins, log, progress } = request;
    const front = await tarOf(chosen.files);
    const ca: Record<string, string> = chosen.usesCa ? { [CA_SECRET]: await this.authorities() } : {};
    const labels = { ...request.labels, 'containr.installation': await this.installation.id() };
    const context = inFront(front, await tree.context(chosen.root, chosen.dockerfile, signal));
    const { dockerfile, buildArgs } = chosen;
    const secrets = { ...request.secrets, ...ca };
    const what = { tag, context, dockerfile, buildArgs, secrets, labels, logins, log, progress };
    return this.builder.build({ ...what, limits: this.limits() }, signal);
  }

  private limits(): BuildRequest['limits'] {
    return {
      cpus: this.config.CONTAINR_BUILD_CPUS,
      memoryBytes: this.config.CONTAINR_BUILD_MEMORY_MB * 2 ** 20,
      timeoutMs: this.config.CONTAINR_BUILD_TIMEOUT_SECONDS * 1000,
    };
  }

  private async authorities(): Promise<string> {
    const file = this.config.CONTAINR_BUILD_CA_FILE ?? '';
    return readFile(file, 'utf8').catch((cause) => {
      throw new Internal(
        'build_ca_unreadable',
        `The operator's file of certificate authorities (CONTAINR_BUILD_CA_FILE) cannot be read.`,
        { cause },
      );
    });
  }
}
