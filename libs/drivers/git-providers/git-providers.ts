/** Opens accounts at git providers: one small class for each kind, one set of connections and one cache for all. */
import type { EgressGuard } from '#platform/egress.js';
import { Invalid } from '#platform/errors.js';
import { NAMES } from './errors.js';
import { GitHub } from './github.js';
import { ProviderConnections } from './http.js';
import type { CallOptions, GitProviderApi, GitProviders, ProviderAccount } from './port.js';

export class HttpGitProviders implements GitProviders {
  private readonly connections: ProviderConnections;

  constructor(guard: EgressGuard) {
    this.connections = new ProviderConnections(guard);
  }

  open(account: ProviderAccount, options: CallOptions = {}): GitProviderApi {
    if (account.kind === 'github') return new GitHub(account, this.connections, options);
    throw new Invalid('provider_unsupported', `${NAMES[account.kind]} is not supported yet.`);
  }
}
