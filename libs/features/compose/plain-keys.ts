/**
 * Keys of a compose service that are never honoured, and why. docs/compose-import.md is the same table for people.
 * The list of keys is https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json.
 */
export type Verdict = readonly ['refused' | 'ignored', string];

const ISOLATION: Verdict = [
  'refused',
  'It would open the isolation between this container and the host or other containers.',
];
const HOST_FILES: Verdict = [
  'refused',
  'Files beside the compose file are not read: put the values into environment or variables.',
];
const LIMITS: Verdict = [
  'ignored',
  'Limits other than CPU cores and memory cannot be set; every container has 1024 processes at most.',
];
const NAMES: Verdict = ['ignored', 'Services reach each other by the name of the service only.'];
const LABELS: Verdict = ['ignored', 'Labels have no meaning here.'];
const LOGS: Verdict = ['ignored', 'Output is kept and shown by the platform.'];
const USER: Verdict = ['ignored', 'The program runs as the user and in the folder that its image says.'];
const FILES: Verdict = ['ignored', 'Files cannot be mounted: put the values into environment.'];
const DNS: Verdict = ['ignored', 'Name resolution cannot be changed.'];
const NETWORK: Verdict = ['ignored', 'All services of a project share one private network; it cannot be changed.'];
const DISK: Verdict = [
  'ignored',
  'Temporary and shared memory file systems cannot be mounted; the container may write to its own disk.',
];

export const PLAIN_KEYS: Record<string, Verdict> = {
  annotations: LABELS,
  attach: LOGS,
  blkio_config: LIMITS,
  cap_add: ISOLATION,
  cap_drop: ['ignored', 'All capabilities are dropped already except those that ordinary images need to start.'],
  cgroup: ISOLATION,
  cgroup_parent: ISOLATION,
  configs: FILES,
  container_name: NAMES,
  cpu_count: LIMITS,
  cpu_percent: LIMITS,
  cpu_period: LIMITS,
  cpu_quota: LIMITS,
  cpu_rt_period: ISOLATION,
  cpu_rt_runtime: ISOLATION,
  cpu_shares: LIMITS,
  cpuset: LIMITS,
  credential_spec: ISOLATION,
  develop: ['ignored', 'Watching files is a matter of your own machine.'],
  device_cgroup_rules: ISOLATION,
  devices: ISOLATION,
  dns: DNS,
  dns_opt: DNS,
  dns_search: DNS,
  domainname: NAMES,
  env_file: HOST_FILES,
  extends: ['refused', 'Other files and services are not merged in: write the service out in full.'],
  external_links: ISOLATION,
  extra_hosts: DNS,
  gpus: ISOLATION,
  group_add: USER,
  hostname: NAMES,
  init: ['ignored', 'The program keeps process id 1; an image that needs an init brings its own.'],
  ipc: ISOLATION,
  isolation: ISOLATION,
  label_file: HOST_FILES,
  labels: LABELS,
  links: ['ignored', 'Services reach each other by the name of the service; the order of start is set by depends_on.'],
  logging: LOGS,
  mac_address: NETWORK,
  mem_reservation: LIMITS,
  mem_swappiness: LIMITS,
  memswap_limit: ['ignored', 'Containers do not swap.'],
  models: ['ignored', 'AI models are not provided.'],
  network_mode: ISOLATION,
  networks: NETWORK,
  oom_kill_disable: ISOLATION,
  oom_score_adj: ISOLATION,
  pid: ISOLATION,
  pids_limit: LIMITS,
  platform: ['ignored', 'Images run on the platform of the host.'],
  post_start: ['ignored', 'Hooks are not run.'],
  pre_stop: ['ignored', 'Hooks are not run.'],
  privileged: ISOLATION,
  provider: ['refused', 'Programs on the host are not called.'],
  pull_policy: ['ignored', 'An image is pulled when the host does not have it.'],
  read_only: DISK,
  runtime: ISOLATION,
  secrets: FILES,
  security_opt: ISOLATION,
  shm_size: DISK,
  stdin_open: ['ignored', 'Services have no terminal.'],
  storage_opt: LIMITS,
  sysctls: ISOLATION,
  tmpfs: DISK,
  tty: ['ignored', 'Services have no terminal.'],
  ulimits: LIMITS,
  use_api_socket: ISOLATION,
  user: USER,
  userns_mode: ISOLATION,
  uts: ISOLATION,
  volumes_from: ISOLATION,
  working_dir: USER,
};

/** `privileged: false`, `devices: []` ask for nothing. */
export function asksForNothing(value: unknown): boolean {
  if (value === null || value === false || value === 'false' || value === '') return true;
  return typeof value === 'object' && Object.keys(value as object).length === 0;
}
