/** Our labels: what makes a container, network or volume ours, and what it was made from. */
import { createHash } from 'node:crypto';
import type { Owner, WorkloadLabels, WorkloadRole, WorkloadSpec } from '../port.js';

export const LABEL = {
  installation: 'containr.installation',
  project: 'containr.project',
  service: 'containr.service',
  deployment: 'containr.deployment',
  role: 'containr.role',
  replica: 'containr.replica',
  spec: 'containr.spec',
  /** Of a network: `fixed` when its containers may ask for an address. */
  addresses: 'containr.addresses',
} as const;

type LabelMap = Record<string, string> | null | undefined;

export function workloadLabels(spec: WorkloadSpec): Record<string, string> {
  const { installation, project, service, deployment, role, replica } = spec.labels;
  return {
    [LABEL.installation]: installation,
    [LABEL.project]: project,
    [LABEL.service]: service,
    [LABEL.deployment]: deployment,
    [LABEL.role]: role,
    [LABEL.replica]: String(replica),
    [LABEL.spec]: specHash(spec),
  };
}

export function ownedLabels(labels: Owner & { project: string; service?: string }): Record<string, string> {
  const { installation, project, service } = labels;
  const owned = { [LABEL.installation]: installation, [LABEL.project]: project };
  return service === undefined ? owned : { ...owned, [LABEL.service]: service };
}

export function readWorkloadLabels(labels: LabelMap): WorkloadLabels {
  return {
    installation: labels?.[LABEL.installation] ?? '',
    project: labels?.[LABEL.project] ?? '',
    service: labels?.[LABEL.service] ?? '',
    deployment: labels?.[LABEL.deployment] ?? '',
    role: (labels?.[LABEL.role] as WorkloadRole | undefined) ?? 'release',
    replica: Number(labels?.[LABEL.replica] ?? 0),
  };
}

export function isOwned(labels: LabelMap, owner: Owner): boolean {
  return owner.installation !== '' && labels?.[LABEL.installation] === owner.installation;
}

/** Docker's filter for one owner's things; pass as `query.filters`. */
export function ownerFilter(owner: Owner, service?: string): { label: string[] } {
  const label = [`${LABEL.installation}=${owner.installation}`];
  if (service !== undefined) label.push(`${LABEL.service}=${service}`);
  return { label };
}

/** sha256 of the spec, independent of the order of keys: tells a container made from this spec from one made from another. */
export function specHash(spec: WorkloadSpec): string {
  const { limits, ...rest } = spec;
  const made = spec.limitsInPlace ? { ...rest, limits: { pids: limits.pids } } : spec;
  return createHash('sha256').update(canonical(made)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}
