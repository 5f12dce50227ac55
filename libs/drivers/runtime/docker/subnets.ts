/** Subnets of our own for private networks, for when the engine's default pools (about 30 networks) are used up. Pure. */
import ipaddr from 'ipaddr.js';
import { dotted, numberOf } from './addresses.js';

const BASE = '10.201.0.0';
const BLOCK_PREFIX = 26;
const BLOCK_SIZE = 2 ** (32 - BLOCK_PREFIX);
const BLOCKS = 2 ** (BLOCK_PREFIX - 16);

interface Range {
  first: number;
  last: number;
}

/**
 * The /26 blocks of 10.201.0.0/16 that overlap none of `taken`, lowest first: 1024 networks of 61 containers each.
 * @param taken subnets in CIDR form; IPv6 and unreadable ones are passed over
 */
export function* freeSubnets(taken: string[]): Generator<string> {
  const ranges = taken.map(rangeOf).filter((range) => range !== null);
  const base = numberOf(ipaddr.IPv4.parse(BASE));
  for (let block = 0; block < BLOCKS; block++) {
    const first = base + block * BLOCK_SIZE;
    const last = first + BLOCK_SIZE - 1;
    if (ranges.every((range) => range.last < first || range.first > last)) yield `${dotted(first)}/${BLOCK_PREFIX}`;
  }
}

function rangeOf(cidr: string): Range | null {
  if (!ipaddr.IPv4.isValidCIDR(cidr)) return null;
  return {
    first: numberOf(ipaddr.IPv4.networkAddressFromCIDR(cidr)),
    last: numberOf(ipaddr.IPv4.broadcastAddressFromCIDR(cidr)),
  };
}
