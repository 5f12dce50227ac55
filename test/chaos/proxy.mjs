// A TCP proxy whose network can hang: nothing is lost, nothing passes, as when a cable is pulled and put back before TCP gives up.
import { once } from 'node:events';
import net from 'node:net';

/** @typedef {{ port: number, hang: () => void, restore: () => void, close: () => Promise<void> }} Proxy */

function join(client, upstream, sockets) {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ]) {
    sockets.add(from);
    from.on('data', (data) => {
      if (!to.write(data)) from.pause();
    });
    to.on('drain', () => sockets.hanging || from.resume());
    from.on('end', () => to.end());
    from.on('error', () => to.destroy()); // what it was is for the client to say
    from.on('close', () => {
      sockets.delete(from);
      to.destroySoon();
    });
  }
}

/** @param {net.NetConnectOpts} target @returns {Promise<Proxy>} on a free port of loopback */
export async function openProxy(target) {
  const sockets = Object.assign(new Set(), { hanging: false });
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    join(client, net.connect({ ...target, allowHalfOpen: true }), sockets);
    if (sockets.hanging) for (const socket of sockets) socket.pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const all = (verb) => {
    for (const socket of sockets) socket[verb]();
  };
  const hang = () => {
    sockets.hanging = true;
    all('pause');
  };
  const restore = () => {
    sockets.hanging = false;
    all('resume');
  };
  const close = async () => {
    const closed = once(server, 'close');
    server.close();
    all('destroy');
    await closed;
  };
  return { port: server.address().port, hang, restore, close };
}
