/** A build as steps. Pure: every name is chosen here. */
import { type Plan, step } from '#workflows/plan.js';
import { type AcceptedBuild, localRef, remoteRef } from './build-request.js';

export function planBuild(id: string, accepted: AcceptedBuild): Plan {
  const { request, repository } = accepted;
  const self = { build: id };
  const remote = remoteRef(request);
  const local = localRef(accepted);
  const push = remote ? [step('build.push', { ...self, local, remote })] : [];
  if (request.build_type === 'prebuilt')
    return [step('build.take', { ...self, ref: request.prebuilt_image ?? '', local }), ...push];
  const fetch = repository
    ? [
        step('build.fetch', {
          ...self,
          repository: repository.id,
          url: repository.url,
          ...(repository.provider ? { provider: repository.provider } : {}),
          branch: request.branch ?? repository.branch,
          commit: request.commit ?? null,
        }),
      ]
    : [];
  return [...fetch, step('build.image', { ...self, tag: local }), ...push];
}
