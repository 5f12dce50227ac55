/** Events and logs over connections that end. */
import { Unavailable } from '#platform/errors.js';
import type { LogLine } from '../port.js';
import { answer, frame, never, owner, ScriptedRuntime } from '../testing/scripted-engine.js';
import { DockerRuntime } from './docker-runtime.js';

const scripted = new ScriptedRuntime();

describe('events', () => {
  const event = (Action: string) =>
    `${JSON.stringify({ Action, Actor: { ID: 'c', Attributes: { name: 'web-1', 'containr.service': 's' } } })}\n`;

  it('reconnects and then says that something may have been missed', async () => {
    let connections = 0;
    await scripted.play((_, response) => {
      connections += 1;
      if (connections === 2) return void answer(response, 500, { message: 'starting up' });
      response.writeHead(200).write(event(connections === 1 ? 'start' : 'health_status: healthy'));
      if (connections === 1) setImmediate(() => response.destroy());
    });
    const abort = new AbortController();
    const kinds: string[] = [];
    for await (const { kind } of scripted.runtime.events(owner, abort.signal)) {
      kinds.push(kind);
      if (kind === 'health') abort.abort();
    }
    expect(kinds).toEqual(['started', 'lost', 'health']);
    expect(connections).toBe(3);
  });
});

describe('logs', () => {
  const line = (n: number) => frame(1, `2026-01-02T03:04:05.00000000${n}Z line ${n}\n`);
  const state = (Status: string, Running: boolean) => ({
    State: { Status, Running, StartedAt: '2026-01-02T03:04:05.000000005Z' },
  });

  it('go on where they were when the container is restarted, and end when it is gone', async () => {
    const looks = [state('restarting', true), state('running', true), null];
    let opened = 0;
    await scripted.play(({ path }, response) => {
      if (path === '/events') response.writeHead(200).write(`${JSON.stringify({ Action: 'start' })}\n`);
      else if (path.endsWith('/json')) {
        const look = looks.shift();
        answer(response, look ? 200 : 404, look ?? { message: 'No such container' });
      } else response.writeHead(200).end(Buffer.concat(opened++ === 0 ? [line(1), line(2)] : [line(2), line(6)]));
    });
    const lines: LogLine[] = [];
    for await (const batch of scripted.runtime.logs({ id: 'c', name: 'web-1' }, { tail: 2, follow: true }, never))
      lines.push(...batch);
    expect(lines.map(({ message }) => message)).toEqual(['line 1', 'line 2', 'line 6']);
    const asked = scripted.engine.requests
      .filter(({ path }) => path.endsWith('/logs'))
      .map(({ query }) => ['follow', 'tail', 'since'].map((key) => query.get(key)));
    expect(asked).toEqual([
      ['1', '2', null],
      ['1', 'all', '1767323045.000000002'],
      ['0', 'all', '1767323045.000000006'],
    ]);
  });

  it('are read over HTTP/1.1 when a proxy insists on chunks', async () => {
    await scripted.play((_, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.end(line(1));
    });
    const lines: LogLine[] = [];
    for await (const batch of scripted.runtime.logs({ id: 'c', name: 'x' }, { tail: 'all', follow: false }, never))
      lines.push(...batch);
    expect(lines.map(({ message }) => message)).toEqual(['line 1']);
  });

  it('of a container that is gone are NotFound, of an engine that is gone Unavailable', async () => {
    await scripted.play((_, response) => answer(response, 404, { message: 'No such container: c' }));
    const read = () =>
      scripted.runtime.logs({ id: 'c', name: 'x' }, { tail: 1, follow: true }, never)[Symbol.asyncIterator]().next();
    await expect(read()).rejects.toMatchObject({ code: 'workload_not_found' });
    const nobody = new DockerRuntime({ dockerHost: 'unix:///nonexistent/docker.sock' });
    const lines = nobody.logs({ id: 'c', name: 'x' }, { tail: 1, follow: true }, never);
    await expect(lines[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(Unavailable);
  });
});
