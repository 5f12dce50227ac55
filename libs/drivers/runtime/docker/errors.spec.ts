import { Capacity, Conflict, Invalid, NotFound, Unavailable } from '#platform/errors.js';
import { refused } from './errors.js';
import { readable, startFailure } from './start-failure.js';

describe('refused', () => {
  it.each([
    [404, 'No such container: x', NotFound],
    [409, 'Conflict.', Conflict],
    [400, 'invalid reference', Invalid],
    [403, 'has active endpoints', Invalid],
    [500, 'driver failed', Unavailable],
    [503, '', Unavailable],
    [500, 'write /x: no space left on device', Capacity],
    [400, 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available', Capacity],
    [400, 'network n is ambiguous (2 matches found on name)', Unavailable],
  ])('%i %s', (status, message, type) => {
    expect(refused(status, JSON.stringify({ message }))).toBeInstanceOf(type);
  });

  it('reads a proxy that does not speak JSON', () => {
    expect(refused(502, '<html>\n Bad Gateway</html>').message).toMatch(/<html> Bad Gateway/);
  });
});

describe('start failures', () => {
  it.each([
    [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/x": stat /x: no such file or directory: unknown',
      'exec: "/x": stat /x: no such file or directory',
    ],
    [
      'OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "a": executable file not found in $PATH: unknown',
      'exec: "a": executable file not found in $PATH',
    ],
  ])('%#', (raw, text) => {
    expect(readable(raw)).toBe(text);
    expect(startFailure(refused(500, JSON.stringify({ message: raw })), 'web-1')).toMatchObject({
      code: 'start_failed',
    });
  });

  it("leaves the engine's own troubles as they are", () => {
    const error = refused(500, JSON.stringify({ message: 'failed to create endpoint: iptables failed' }));
    expect(startFailure(error, 'web-1')).toBe(error);
  });
});
