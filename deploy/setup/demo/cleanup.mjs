// Takes back everything the demo made, through the platform first; what that leaves is removed by its label and told.
import { Engine } from '../lib/engine.mjs';
import { SetupError, warn } from '../lib/log.mjs';
import { until } from '../lib/wait.mjs';

const WITHIN_MS = 60_000;

const labelled = (label) => ({ filters: JSON.stringify({ label: [label] }) });

/** Paths of the engine's API of everything with a label. @returns {Promise<string[]>} */
async function thingsWith(engine, label) {
  const params = labelled(label);
  const [containers, networks, volumes, images] = await Promise.all([
    engine.call('GET', '/containers/json', { params: { ...params, all: 'true' } }),
    engine.call('GET', '/networks', { params }),
    engine.call('GET', '/volumes', { params }),
    engine.call('GET', '/images/json', { params }),
  ]);
  return [
    ...containers.map(({ Id }) => `/containers/${Id}`),
    ...networks.map(({ Id }) => `/networks/${Id}`),
    ...(volumes.Volumes ?? []).map(({ Name }) => `/volumes/${Name}`),
    ...images.map(({ Id }) => `/images/${Id}`),
  ];
}

const leftOf = async (engine, ids) =>
  (await Promise.all(ids.map((label) => thingsWith(engine, label))))
    .flat()
    .filter((one, i, all) => all.indexOf(one) === i);

/**
 * Deletes the project and waits until the platform has removed all that belonged to it.
 * @param {{ api: import('./api-client.mjs').ApiClient, dockerHost: string, projectId: string, serviceIds: string[] }} made
 * @throws SetupError when the platform left something behind (it is removed all the same)
 */
export async function removeProject({ api, dockerHost, projectId, serviceIds }) {
  const engine = new Engine(dockerHost);
  const labels = [`containr.project=${projectId}`, ...serviceIds.map((id) => `containr.service=${id}`)];
  const deleted = await api.call('DELETE', `/projects/${projectId}`, undefined, AbortSignal.timeout(WITHIN_MS)).then(
    () => null,
    (error) => error,
  );
  if (deleted) warn(`Deleting the project: ${deleted.message}`);
  const gone = async () => (await leftOf(engine, labels)).length === 0;
  const within = deleted ? 0 : WITHIN_MS;
  if (await until(gone, { what: 'clean-up', within, every: 100 }).catch(() => false)) return;
  const left = await leftOf(engine, labels);
  for (const one of left) await engine.call('DELETE', one, { params: { force: 'true' } });
  if (left.length) throw new SetupError(['The platform left behind (removed now):', ...left.map((one) => `  ${one}`)]);
}
