// Where Docker takes the addresses of its networks from: Docker's own pools end after about 30 networks, and every project has one.
import { readFileSync } from 'node:fs';

/** In order of preference: /24 networks, 16,384 of them in each of the first two. Clouds like 10.0 and 10.128. */
const CANDIDATES = ['10.192.0.0/10', '10.64.0.0/10', '172.16.0.0/12', '10.128.0.0/10'];
const NETWORK_SIZE = 24;

const toNumber = (address) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** @param {string} cidr @returns {[number, number]} first and last address */
function range(cidr) {
  const [address, bits] = cidr.split('/');
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(toNumber(address) / size) * size;
  return [first, first + size - 1];
}

const overlap = (a, b) => {
  const [[firstA, lastA], [firstB, lastB]] = [range(a), range(b)];
  return firstA <= lastB && firstB <= lastA;
};

/** Hexadecimal of /proc/net/route, in the byte order of the machine (little-endian on both we run on). */
const fromHex = (hex) => [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');

/** Bridges that an earlier dockerd left: they must not make the next one choose other addresses. */
const isDockerBridge = (name) => name === 'docker0' || name.startsWith('br-');

/** Destinations in /proc/net/route, without the default route and Docker's own. @returns {string[]} CIDRs */
export function parseRoutes(text) {
  const lines = text.trim().split('\n').slice(1);
  const fields = lines.map((line) => line.trim().split(/\s+/)).filter(([name]) => !isDockerBridge(name));
  const bits = (hex) => [...Number.parseInt(hex, 16).toString(2)].filter((bit) => bit === '1').length;
  return fields.map((field) => `${fromHex(field[1])}/${bits(field[7])}`).filter((cidr) => !cidr.endsWith('/0'));
}

/** Name servers in resolv.conf. A network of ours over their addresses would cut every container off from names. */
export const parseNameservers = (text) =>
  [...text.matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map((match) => `${match[1]}/32`);

/** The first candidate that touches nothing in use. @param {string[]} used CIDRs @returns {string | null} */
export const choosePool = (used) =>
  CANDIDATES.find((candidate) => !used.some((cidr) => overlap(candidate, cidr))) ?? null;

/** dockerd's arguments for this machine; none when every candidate clashes (Docker then keeps its own pools). */
export function addressPoolArgs() {
  const used = [
    ...parseRoutes(readFileSync('/proc/net/route', 'utf8')),
    ...parseNameservers(readFileSync('/etc/resolv.conf', 'utf8')),
  ];
  const pool = choosePool(used);
  return pool === null ? [] : ['--default-address-pool', `base=${pool},size=${NETWORK_SIZE}`];
}
