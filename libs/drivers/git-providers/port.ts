/**
 * Git providers: what GitHub, GitLab, Bitbucket Cloud and Gitea/Forgejo give beside git itself. One `GitProviderApi` speaks for one token.
 *
 * A repository is named by its full name as the provider writes it: `owner/name`, GitLab `group/subgroup/name`.
 *
 * Errors: Invalid `provider_token_refused` (unknown, expired, revoked), `provider_token_insufficient` (a scope is missing; the message
 * names it), `provider_address_wrong` (what answers there is not this provider), `provider_refused` (it does not accept what we sent), and
 * what the egress guard throws; NotFound `provider_repository_not_found`, `provider_hook_not_found`, `pull_request_not_found`;
 * Unavailable `provider_rate_limited` (`details.retry_after_seconds`), `provider_unavailable`.
 */
export const PROVIDER_KINDS = ['github', 'gitlab', 'bitbucket', 'gitea'] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

export interface ProviderAccount {
  kind: ProviderKind;
  /** Web address of a self-hosted one, without a slash at the end; null = the provider's own (github.com, gitlab.com, bitbucket.org). */
  baseUrl: string | null;
  token: string;
  /** Bitbucket: e-mail address of the account that an API token belongs to; null for access tokens and all others. */
  username: string | null;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** How long one call may wait for a rate limit to pass, ms; default 0: it fails with `provider_rate_limited`. */
  patienceMs?: number;
}

/** Opens accounts; holds the cache of lists and the connections. */
export interface GitProviders {
  open(account: ProviderAccount, options?: CallOptions): GitProviderApi;
}

export interface GitProviderApi {
  readonly kind: ProviderKind;
  /** What git over HTTPS logs in with. */
  readonly credentials: { username: string; password: string };
  /** Full name of the repository at this URL; null when the URL leads elsewhere: the token must not be sent there. */
  fullNameOf(url: string): string | null;

  check(): Promise<ProviderIdentity>;
  repositories(query: RepositoryQuery): Promise<RepositoryPage>;
  repository(fullName: string): Promise<ProviderRepository>;
  /** Newest commit of a branch; null when there is none of that name. */
  head(fullName: string, branch: string): Promise<string | null>;

  /**
   * One hook of this URL, with this secret and these events: made, or found by `id` or URL and put right. Others of the same URL are removed.
   * A secret cannot be read back: an existing hook gets it only when something else differs or `renew` says so.
   */
  ensureHook(fullName: string, hook: HookSpec): Promise<{ id: string; state: 'created' | 'repaired' | 'unchanged' }>;
  checkHook(fullName: string, hook: Pick<HookSpec, 'id' | 'url' | 'events'>): Promise<HookCheck>;
  /** Nothing happens when it is gone already. */
  removeHook(fullName: string, id: string): Promise<void>;
  /** Makes the provider send a delivery. @throws NotFound `provider_hook_not_found`. */
  testHook(fullName: string, id: string): Promise<HookTest>;

  setStatus(fullName: string, commit: string, status: CommitStatus): Promise<void>;
  /** Absent where the provider has none (Bitbucket, Gitea): a commit status is all there is. */
  readonly deployments?: ProviderDeployments;

  pullRequest(fullName: string, number: number): Promise<PullRequest>;
  /** At most 300, newest first. */
  openPullRequests(fullName: string): Promise<PullRequest[]>;
  /** Our own comment with this marker (invisible to readers), rewritten when there is one already. */
  upsertComment(fullName: string, number: number, marker: string, body: string): Promise<{ id: string }>;
}

export interface ProviderIdentity {
  /** null: the token is valid but may not read who it belongs to (Bitbucket access tokens). */
  login: string | null;
  /** null: the provider does not say. */
  scopes: string[] | null;
  rateLimit: { limit: number; remaining: number; resetAt: Date | null } | null;
}

export interface RepositoryQuery {
  /** Part of the name, any case. */
  search?: string;
  /** From 1. */
  page: number;
  /** At most 100. */
  limit: number;
}

export interface RepositoryPage {
  items: ProviderRepository[];
  /** null: the provider does not say. */
  total: number | null;
  /** Number of the next page; null on the last one. */
  next: number | null;
}

export interface ProviderRepository {
  id: string;
  name: string;
  fullName: string;
  description: string | null;
  private: boolean;
  /** null: nothing has been pushed yet. */
  defaultBranch: string | null;
  cloneUrl: string;
  webUrl: string;
}

/** `push` includes tags and deleted branches. */
export type HookEvent = 'push' | 'pull_request';

export interface HookSpec {
  /** As an earlier call gave it. */
  id?: string;
  url: string;
  secret: string;
  events: HookEvent[];
  renew?: boolean;
}

export interface HookCheck {
  /** `disabled`: the provider sends nothing any more (GitLab after failures, or a person switched it off). */
  state: 'ok' | 'different' | 'disabled' | 'missing';
  id: string | null;
  /** null: the provider does not say (Bitbucket, Gitea), or nothing has been sent yet. */
  lastDelivery: { status: number | null; message: string | null } | null;
}

export interface HookTest {
  /** `sent`: the provider does not tell what became of it; `unsupported`: it cannot send one. */
  outcome: 'delivered' | 'failed' | 'sent' | 'unsupported';
  /** What the receiver answered, when known. */
  status: number | null;
  /** For `failed`: what to do. For `sent`: what to do when nothing arrives within a minute. */
  advice: string | null;
}

export interface CommitStatus {
  state: 'pending' | 'running' | 'success' | 'failure' | 'cancelled';
  /** Tells several statuses of a commit apart; at most 40 characters. */
  context: string;
  /** Shortened to what the provider takes. */
  description: string;
  targetUrl: string;
}

export interface ProviderDeployments {
  /** @returns its id. */
  create(fullName: string, deployment: DeploymentSpec): Promise<string>;
  update(fullName: string, id: string, change: DeploymentChange): Promise<void>;
}

export interface DeploymentSpec {
  commit: string;
  /** Branch it belongs to; null = only the commit is known. */
  branch: string | null;
  environment: string;
  description: string;
  /** A preview: it will go away. */
  transient: boolean;
}

export interface DeploymentChange {
  /** `inactive`: the environment is gone. */
  state: 'pending' | 'running' | 'success' | 'failure' | 'inactive';
  description: string;
  environmentUrl: string | null;
  logUrl: string | null;
}

export interface PullRequest {
  number: number;
  title: string;
  state: 'open' | 'closed' | 'merged';
  draft: boolean;
  /** Login of who opened it. */
  author: string;
  webUrl: string;
  head: {
    commit: string;
    branch: string;
    /** null: the fork was deleted. */
    fullName: string | null;
    cloneUrl: string | null;
  };
  /** Branch it would be merged into. */
  base: string;
  /** Its head is in another repository. */
  isFork: boolean;
}
