/** From which addresses a token may be used. Pure. */
import ipaddr from 'ipaddr.js';

type Block = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** @param cidrs empty: any address. @param address what is no address is in no network. */
export function isWithin(cidrs: string[], address: string | undefined): boolean {
  if (cidrs.length === 0) return true;
  if (!address || !ipaddr.isValid(address)) return false;
  const one = blockOf(address);
  return cidrs.some((cidr) => contains(blockOf(cidr), one));
}

/** True when `inner` allows nothing that `outer` does not. */
export function covers(outer: string[], inner: string[]): boolean {
  if (outer.length === 0) return true;
  return inner.length > 0 && inner.every((cidr) => outer.some((wide) => contains(blockOf(wide), blockOf(cidr))));
}

function contains(outer: Block, inner: Block): boolean {
  return outer[0].kind() === inner[0].kind() && outer[1] <= inner[1] && inner[0].match(outer[0], outer[1]);
}

/** An address alone is its own network. IPv4 written as IPv6 (::ffff:0:0/96, as dual-stack sockets report it) is IPv4. */
function blockOf(text: string): Block {
  const [address, bits] = text.includes('/') ? ipaddr.parseCIDR(text) : whole(ipaddr.parse(text));
  if (address.kind() !== 'ipv6' || bits < 96) return [address, bits];
  const six = address as ipaddr.IPv6;
  return six.isIPv4MappedAddress() ? [six.toIPv4Address(), bits - 96] : [six, bits];
}

function whole(address: ipaddr.IPv4 | ipaddr.IPv6): Block {
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
