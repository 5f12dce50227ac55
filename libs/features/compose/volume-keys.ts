/** The `volumes` of a compose service: named ones are kept, nothing of the host is mounted. */
import { isMap, scalar, type YamlMap } from './compose.parse.js';
import type { Draft } from './draft.js';
import { composeInvalid, type Report } from './report.js';

const HOST_MOUNT = 'Files and folders of the host are not mounted: put them into the image, or use a named volume.';

export function readVolumes(draft: Draft, report: Report, entry: unknown, path: string): void {
  if (isMap(entry)) {
    longForm(draft, report, entry, path);
    return;
  }
  const text = scalar(entry);
  if (!text) throw composeInvalid(path, 'must be a volume such as "data:/var/lib/data"');
  // A variable that is empty leaves ":/data", which compose would take for a path of the host too.
  if (/^([./~\\:]|[A-Za-z]:[\\/])/.test(text) && text.includes(':')) {
    report.refused(path, HOST_MOUNT);
    return;
  }
  const [first = '', second, ...options] = text.split(':');
  if (second === undefined) {
    add(draft, report, { source: null, target: first }, path);
    return;
  }
  add(draft, report, { source: first, target: second }, path);
  const flags = options.join(':').split(',').filter(Boolean);
  if (flags.includes('ro')) report.changed(path, 'The volume can be written: it cannot be mounted read-only.');
  const others = flags.filter((flag) => flag !== 'ro' && flag !== 'rw');
  if (others.length > 0) report.ignored(path, `Options of a mount are not set: ${others.join(', ')}.`);
}

function longForm(draft: Draft, report: Report, entry: YamlMap, path: string): void {
  const type = scalar(entry.type) ?? 'volume';
  if (type === 'bind' || type === 'npipe') {
    report.refused(path, HOST_MOUNT);
    return;
  }
  if (type !== 'volume') {
    report.ignored(path, `Mounts of type ${type} are not made; the container may write to its own disk.`);
    return;
  }
  const target = scalar(entry.target);
  if (!target) throw composeInvalid(path, 'needs a target');
  add(draft, report, { source: scalar(entry.source), target }, path);
  if (entry.read_only === true || entry.read_only === 'true')
    report.changed(`${path}.read_only`, 'The volume can be written: it cannot be mounted read-only.');
  report.others(path, entry, ['type', 'source', 'target', 'read_only'], 'Options of a mount are not set.');
}

function add(draft: Draft, report: Report, mount: { source: string | null; target: string }, path: string): void {
  const name = volumeName(mount.source ?? mount.target);
  if (draft.volumes.some((volume) => volume.name === name)) {
    report.ignored(path, `The volume "${name}" is mounted once in a service.`);
    return;
  }
  draft.volumes.push({ name, mount_path: mount.target, source: mount.source, path });
  if (mount.source === null) report.changed(path, `It became the named volume "${name}", which survives deployments.`);
  else if (name !== mount.source) report.changed(path, `The volume is called "${name}" here.`);
}

/** "/var/lib/My Data" -> "var-lib-my-data". */
function volumeName(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);
  return plain.replace(/-+$/, '') || 'data';
}
