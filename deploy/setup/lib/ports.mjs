// TCP ports: is this one free, and which one is.
import net from 'node:net';

const listens = (port, host) =>
  new Promise((resolve) => {
    const server = net.createServer();
    // EAFNOSUPPORT/EADDRNOTAVAIL: a machine without IPv6 has nobody on that port either.
    server.once('error', (error) => resolve(!['EADDRINUSE', 'EACCES'].includes(error.code)));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });

/** True when nobody listens on this port, neither on all addresses nor on loopback. */
export async function isFree(port) {
  for (const host of ['0.0.0.0', '127.0.0.1', '::']) if (!(await listens(port, host))) return false;
  return true;
}

/** A port that the system says is free now. It may be taken before it is used, so whoever binds it must cope with that. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** `count` different free ports. */
export async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) {
    const port = await freePort();
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}
