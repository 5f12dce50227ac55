/** What a push needs of the deployments feature, which imports this one. */
import type { Caller } from '#platform/http/index.js';

/** Starts a deployment of a pushed commit. @throws AppError when it cannot be started. */
export type PushDeployer = (push: {
  caller: Caller;
  serviceId: string;
  branch: string;
  commit: string;
}) => Promise<{ deploymentId: string }>;

export const PUSH_DEPLOYER = Symbol('PushDeployer');
