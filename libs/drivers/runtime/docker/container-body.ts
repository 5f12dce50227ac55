/** WorkloadSpec -> the body of `POST /containers/create`. Pure. */
import type { WorkloadSpec } from '../port.js';
import { ownedLabels, workloadLabels } from './labels.js';

/**
 * What ordinary images need to start as root, give files to a user and become that user. Of Docker's own default set these are left out:
 * MKNOD (device nodes), NET_RAW (forged packets inside the project's network; `ping` still works, Docker opens ping_group_range),
 * SETFCAP (capabilities on files), AUDIT_WRITE (the host's audit log) and SYS_CHROOT (only daemons that lock themselves in, such as sshd).
 */
export const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETGID',
  'SETPCAP',
  'SETUID',
];

/**
 * At most 100 MB of log per container. Large files: engines before 23 can skip a whole file for a follower that is behind when it is rotated
 * (seen with 20 MB files and 100k lines/s on two cores), and at that speed 50 MB last three seconds.
 */
const LOG = { Type: 'json-file', Config: { 'max-size': '50m', 'max-file': '2' } };

/**
 * When all want the processor: half of Docker's default for a release, so that other containers of the machine (and the platform, when it
 * runs in one) come first. NanoCpus is the ceiling, this the share below it.
 */
const SHARES = 512;
/** When the machine runs out of memory the kernel takes an app before the platform, and a build (800) before an app. */
const OOM_SCORE = 500;

/** @param address of its own in the network; absent: the engine chooses */
export function containerBody(spec: WorkloadSpec, address?: string): object {
  return {
    Image: spec.image,
    // Cmd alone would be handed to the image's Entrypoint; both together replace both.
    ...(spec.command && { Entrypoint: spec.command.slice(0, 1), Cmd: spec.command.slice(1) }),
    ...(!spec.command && spec.arguments && { Cmd: spec.arguments }),
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    Labels: workloadLabels(spec),
    StopSignal: spec.stopSignal,
    StopTimeout: spec.graceSeconds,
    HostConfig: hostConfig(spec),
    NetworkingConfig: { EndpointsConfig: { [spec.network]: endpoint(spec, address) } },
  };
}

function endpoint({ aliases }: WorkloadSpec, address?: string): object {
  return { Aliases: aliases, ...(address && { IPAMConfig: { IPv4Address: address } }) };
}

/**
 * `Init` stays off: the program keeps PID 1 exactly as under a plain `docker run`. With tini in front, images that insist on PID 1
 * (s6-overlay, systemd) refuse to start, and a host without docker-init starts nothing; an image that needs a reaper can bring its own.
 */
function hostConfig(spec: WorkloadSpec): object {
  const { cpus, memoryBytes, pids } = spec.limits;
  return {
    Init: false,
    NetworkMode: spec.network,
    NanoCpus: Math.round(cpus * 1e9),
    Memory: memoryBytes,
    // Memory and swap together: equal means no swap, so a leak is killed instead of dragging the host down.
    MemorySwap: memoryBytes,
    PidsLimit: pids,
    CpuShares: SHARES,
    OomScoreAdj: OOM_SCORE,
    CapDrop: ['ALL'],
    CapAdd: CAPABILITIES,
    SecurityOpt: ['no-new-privileges'],
    LogConfig: LOG,
    // Not `always`: what we stopped on purpose stays stopped when the engine restarts.
    RestartPolicy: { Name: spec.restart === 'always' ? 'unless-stopped' : 'no' },
    Mounts: spec.mounts.map(({ volume, path }) => mount(spec, volume, path)),
  };
}

/** Docker makes a missing volume on the fly; the labels see to it that even such a one is known as ours. */
function mount(spec: WorkloadSpec, volume: string, path: string): object {
  const { installation, project, service } = spec.labels;
  const Labels = ownedLabels({ installation, project, service });
  return { Type: 'volume', Source: volume, Target: path, VolumeOptions: { Labels } };
}
