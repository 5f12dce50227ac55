/** The engine's inspect -> Workload. Pure. */
import type { Workload, WorkloadState } from '../port.js';
import { readWorkloadLabels } from './labels.js';
import type { WireContainer } from './wire.js';

export function workloadOf(container: WireContainer): Workload {
  const { State: state } = container;
  return {
    id: container.Id,
    name: nameOf(container),
    labels: readWorkloadLabels(container.Config.Labels),
    state: stateOf(state.Status),
    health: state.Health && state.Health.Status !== 'none' ? state.Health.Status : null,
    address: addressOf(container),
    image: container.Image,
    // Between two starts the engine says that it runs, and still has the exit code of the last one.
    exitCode: ['created', 'running', 'paused'].includes(state.Status) ? null : state.ExitCode,
    oomKilled: state.OOMKilled,
    restarts: container.RestartCount,
    startedAt: state.StartedAt.startsWith('0001-') ? null : state.StartedAt,
  };
}

export const nameOf = (container: WireContainer): string => container.Name.replace(/^\//, '');

/** `removing` is on its way out and cannot be used any more, as `dead`. */
function stateOf(status: WireContainer['State']['Status']): WorkloadState {
  return status === 'removing' ? 'dead' : status;
}

function addressOf(container: WireContainer): string | null {
  const endpoints = Object.values(container.NetworkSettings.Networks ?? {});
  return endpoints.find((endpoint) => endpoint.IPAddress)?.IPAddress ?? null;
}
