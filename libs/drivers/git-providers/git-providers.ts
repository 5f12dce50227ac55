/** Opens accounts at git providers: one small class for each kind, one set of connections and one cache for all. */
import type { EgressGuard } from '#platform/egress.js';
import { Bitbucket } from './bitbucket.js';
import { Gitea } from './gitea.js';
import { GitHub } from './github.js';
import { GitLab } from './gitlab.js';
import { ProviderConnections } from './http.js';
import type { CallOptions, GitProviderApi, GitProviders, ProviderAccount } from './port.js';

const KINDS = { github: GitHub, gitlab: GitLab, bitbucket: Bitbucket, gitea: Gitea };

export class HttpGitProviders implements GitProviders {
  private readonly connections: ProviderConnections;

  constructor(guard: EgressGuard) {
    this.connections = new ProviderConnections(guard);
  }

  open(account: ProviderAccount, options: CallOptions = {}): GitProviderApi {
    return new KINDS[account.kind](account, this.connections, options);
  }
}
