/** `/proc/net/tcp` and `tcp6` -> listening sockets. Format: proc(5) and Documentation/networking/proc_net_tcp.rst. Pure. */
import ipaddr from 'ipaddr.js';
import type { ListeningSocket } from '../port.js';

const LISTEN = '0A';

/** Reads one or both tables, concatenated; other lines are passed over. Sorted by port, without repetitions. */
export function parseListening(tables: string): ListeningSocket[] {
  const found = new Map<string, ListeningSocket>();
  for (const line of tables.split('\n')) {
    const [, local, , state] = line.trim().split(/\s+/);
    const [, hex, port] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/i.exec(local ?? '') ?? [];
    if (!hex || !port || state !== LISTEN) continue;
    const socket = { address: addressOf(hex), port: Number.parseInt(port, 16) };
    found.set(`${socket.address} ${socket.port}`, socket);
  }
  return [...found.values()].sort((a, b) => a.port - b.port || (a.address < b.address ? -1 : 1));
}

/** The kernel prints each 32-bit word as a number of the machine, and all machines that Containr runs on are little-endian. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  return ipaddr.fromByteArray([...bytes.swap32()]).toString();
}
