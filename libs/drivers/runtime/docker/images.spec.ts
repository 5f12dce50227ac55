/** Pulls, played by a scripted engine. */
import { Capacity, Invalid, Unavailable } from '#platform/errors.js';
import { answer, type Handler, never, ScriptedRuntime } from '../testing/scripted-engine.js';

const scripted = new ScriptedRuntime();

describe('images.ensure', () => {
  const image = { Id: 'sha256:1', Size: 1, RepoDigests: null, Config: null };
  const pulling = (lines: object[], found: () => boolean): Handler => {
    return ({ method }, response) => {
      if (method === 'POST') response.writeHead(200).end(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
      else if (found()) answer(response, 200, image);
      else answer(response, 404, { message: 'No such image' });
    };
  };

  it('pulls, and tells each step of each layer once', async () => {
    const steps = ['Pulling fs layer', 'Downloading', 'Downloading', 'Pull complete'].map((status) => ({
      id: 'l1',
      status,
    }));
    const script = pulling(
      [{ status: 'Pulling from a/b', id: '1.0' }, ...steps, { status: 'Status: done' }],
      () => scripted.engine.requests.length > 2,
    );
    await scripted.play(script);
    const told: string[] = [];
    const facts = await scripted.runtime.images.ensure('reg.example:5000/a/b:1.0', (line) => told.push(line), never);
    expect(facts.id).toBe('sha256:1');
    expect(told).toEqual([
      '1.0: Pulling from a/b',
      'l1: Pulling fs layer',
      'l1: Downloading',
      'l1: Pull complete',
      'Status: done',
    ]);
    expect(Object.fromEntries(scripted.engine.requests[1]?.query ?? [])).toEqual({
      fromImage: 'reg.example:5000/a/b',
      tag: '1.0',
    });
  });

  it('reports an error inside the stream, and a full disk as Capacity', async () => {
    let error = 'toomanyrequests: rate limit';
    await scripted.play((request, response) => pulling([{ status: 'x' }, { error }], () => false)(request, response));
    await expect(scripted.runtime.images.ensure('a:1', () => {}, never)).rejects.toMatchObject({
      constructor: Invalid,
      code: 'image_unavailable',
    });
    await expect(scripted.runtime.images.ensure('a:1', () => {}, never)).rejects.toThrow(
      /a:1.*toomanyrequests: rate limit/,
    );
    error = 'write /var/lib/docker/tmp/x: no space left on device';
    await expect(scripted.runtime.images.ensure('a:1', () => {}, never)).rejects.toBeInstanceOf(Capacity);
  });

  it('is Unavailable when the engine dies while pulling, and stops when told to', async () => {
    await scripted.play(({ method }, response) => {
      if (method === 'GET') answer(response, 404, { message: 'No such image' });
      else response.writeHead(200).write('{"status":"Downloading"}\r\n');
    });
    await expect(scripted.runtime.images.ensure('a:1', () => scripted.engine.cut(), never)).rejects.toBeInstanceOf(
      Unavailable,
    );
    const abort = new AbortController();
    const reason = new Error('cancelled');
    await expect(scripted.runtime.images.ensure('a:1', () => abort.abort(reason), abort.signal)).rejects.toBe(reason);
  });
});
