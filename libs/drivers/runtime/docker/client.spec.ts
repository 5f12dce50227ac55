/** Connections that hang, break or are refused. */
import { Unavailable } from '#platform/errors.js';
import { answer, owner, ScriptedRuntime, spec } from '../testing/scripted-engine.js';
import { DockerRuntime } from './docker-runtime.js';

const scripted = new ScriptedRuntime();

describe('connection', () => {
  it('gives up on an engine that accepts and never answers', async () => {
    await scripted.play(() => {}, { shortMs: 100 });
    const short = [
      scripted.runtime.ping(),
      scripted.runtime.observe(owner),
      scripted.runtime.find('x', owner),
      scripted.runtime.images.find('a'),
    ];
    const made = [
      scripted.runtime.networks.ensure('n', { ...owner, project: 'p' }),
      scripted.runtime.volumes.observe(owner),
    ];
    for (const call of [...short, ...made])
      await expect(call).rejects.toMatchObject({ constructor: Unavailable, code: 'engine_timeout' });
  });

  it('gives up on an answer that stops in the middle', async () => {
    await scripted.play((_, response) => void response.writeHead(200).write('[{"Id":'), { shortMs: 100 });
    await expect(scripted.runtime.observe(owner)).rejects.toMatchObject({ code: 'engine_timeout' });
  });

  it('calls an engine that is not there or cuts the line Unavailable', async () => {
    await scripted.play((_, response) => response.destroy());
    await expect(scripted.runtime.ping()).rejects.toMatchObject({
      constructor: Unavailable,
      code: 'engine_unreachable',
    });
    const nobody = new DockerRuntime({ dockerHost: 'unix:///nonexistent/docker.sock' });
    await expect(nobody.ping()).rejects.toThrow(/does not exist; is Docker installed and running/);
    const refusing = new DockerRuntime({ dockerHost: 'tcp://127.0.0.1:1' });
    await expect(refusing.ping()).rejects.toBeInstanceOf(Unavailable);
  });

  it('survives that the engine closed the connection it kept', async () => {
    await scripted.play((_, response) => answer(response, 200, []));
    for (let round = 0; round < 3; round++) {
      expect(await scripted.runtime.observe(owner)).toEqual([]);
      scripted.engine.cut();
    }
  });

  it('aborts a call under way with the reason of the signal', async () => {
    const abort = new AbortController();
    const reason = new Error('cancelled');
    await scripted.play(() => abort.abort(reason));
    await expect(scripted.runtime.ensureRunning(spec, abort.signal)).rejects.toBe(reason);
  });
});
