// Removes from the Docker Engine everything that has a label.

/** @param {import('../../../deploy/setup/lib/engine.mjs').Engine} engine @param {string} label `name` or `name=value` */
export async function removeLabelled(engine, label) {
  const params = { filters: JSON.stringify({ label: [label] }) };
  const list = (route, more) => engine.call('GET', route, { params: { ...params, ...more } });
  const remove = (route) => engine.call('DELETE', route, { params: { force: 'true', v: 'true' } });
  for (const { Id } of await list('/containers/json', { all: 'true' })) await remove(`/containers/${Id}`);
  for (const { Id } of await list('/networks')) await engine.call('DELETE', `/networks/${Id}`);
  for (const { Name } of (await list('/volumes')).Volumes ?? []) await remove(`/volumes/${Name}`);
  for (const { Id } of await list('/images/json')) await remove(`/images/${Id}`);
}
