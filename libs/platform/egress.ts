/**
 * Where URLs that a user gives (git, webhooks, registries, object stores) may lead. Without it a user could make the platform talk to
 * its own database, to other services on its machine or to a cloud's metadata service.
 *
 * Loopback, link-local, multicast and reserved addresses are refused unless allowed; private LAN ranges are allowed unless denied; a
 * denial wins over everything. A name is judged by every address it resolves to. Callers dial only the returned `addresses`: a second
 * look-up could answer differently (DNS rebinding).
 */
import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { AppError, Invalid, Unavailable } from './errors.js';

export interface EgressRules {
  /** Host names (`git.example`, `*.example`), addresses and CIDRs that are allowed although the rules above refuse them. */
  allow: string[];
  /** The same, refused; `private` stands for all private LAN ranges. Wins over `allow`. */
  deny: string[];
  /** Refuses private LAN ranges unless they are in `allow`. */
  refuseLan?: boolean;
  /** All addresses of a host; the default is the system's resolver, /etc/hosts included. */
  resolve?: (host: string) => Promise<string[]>;
}

export interface CheckedUrl {
  url: URL;
  /** What the host resolved to, at least one: dial these, do not resolve again. */
  addresses: string[];
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Block = [Address, number];

interface Rule {
  hosts: string[];
  blocks: Block[];
  private: boolean;
}

/** ipaddr.js's names for RFC 1918, RFC 4193 and RFC 6598. */
const LAN = new Set(['private', 'uniqueLocal', 'carrierGradeNat']);
const HOST_RULE = /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

export class EgressGuard {
  private readonly allow: Rule;
  private readonly deny: Rule;
  private readonly resolve: (host: string) => Promise<string[]>;

  /** @throws Invalid `egress_rule_invalid` naming the entry that is neither a host, an address nor a CIDR. */
  constructor(private readonly rules: EgressRules) {
    this.allow = parseRule('CONTAINR_EGRESS_ALLOW', rules.allow);
    this.deny = parseRule('CONTAINR_EGRESS_DENY', rules.deny);
    this.resolve = rules.resolve ?? (async (host) => (await lookup(host, { all: true })).map((found) => found.address));
  }

  /** The same rules, but private LAN ranges must be allowed by the operator: for what is sent there unasked, as webhooks are. */
  strict(): EgressGuard {
    return new EgressGuard({ ...this.rules, refuseLan: true });
  }

  /**
   * @throws Invalid `url_refused` (the message names the setting that changes it), Invalid `host_not_found`,
   *   Unavailable `dns_unavailable` when the resolver does not answer.
   */
  async check(input: URL | string): Promise<CheckedUrl> {
    const url = parseUrl(input);
    const host = bareHost(url);
    if (matchesHost(this.deny, host)) throw refused(`The host ${host} is denied.`, 'CONTAINR_EGRESS_DENY');
    const literal = ipaddr.isValid(host);
    const addresses = literal ? [host] : await this.addressesOf(host);
    for (const address of addresses) this.checkAddress(host, address);
    return { url, addresses };
  }

  private async addressesOf(host: string): Promise<string[]> {
    try {
      const addresses = await this.resolve(host);
      if (addresses.length > 0) return addresses;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (!['ENOTFOUND', 'ENODATA', 'EAI_NONAME', 'EAI_NODATA', 'EINVAL'].includes(code)) {
        const message = `The name ${host} cannot be looked up right now: the name server does not answer.`;
        throw new Unavailable('dns_unavailable', message, { cause: error });
      }
    }
    throw new Invalid('host_not_found', `There is no host named ${host}: check the URL.`);
  }

  private checkAddress(host: string, text: string): void {
    // Denial and allowance hold for what is written and for the IPv4 address hidden in it; the danger is judged by what is hidden.
    const written = ipaddr.parse(text.replace(/%.*$/, ''));
    const inner = embedded(written);
    const forms = inner ? [written, inner] : [written];
    const where = host === text ? `The address ${text}` : `The host ${host} (${text})`;
    if (forms.some((form) => matchesBlock(this.deny, form)))
      throw refused(`${where} is denied.`, 'CONTAINR_EGRESS_DENY');
    const range = (inner ?? written).range();
    if (range === 'unicast') return;
    if (LAN.has(range)) {
      if (this.deny.private)
        throw refused(`${where} is in a private network, which is denied.`, 'CONTAINR_EGRESS_DENY');
      if (!this.rules.refuseLan) return;
    }
    if (matchesHost(this.allow, host) || forms.some((form) => matchesBlock(this.allow, form))) return;
    throw refused(`${where} is a ${describe(range)} address, which URLs may not lead to.`, 'CONTAINR_EGRESS_ALLOW');
  }
}

function parseUrl(input: URL | string): URL {
  const text = String(input);
  if (!URL.canParse(text))
    throw new Invalid('url_refused', 'This is not a URL: give one that starts with https:// or http://.');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Invalid(
      'url_refused',
      `URLs of the kind ${url.protocol}// are not supported: give one that starts with https:// or http://.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new Invalid(
      'url_refused',
      'A URL must not contain a user name or password: add a git provider or a token instead.',
    );
  }
  return url;
}

/** The WHATWG parser has already turned decimal, octal and hexadecimal spellings of IPv4 addresses into the usual one. */
const bareHost = (url: URL): string =>
  url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();

const describe = (range: string): string => range.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function refused(what: string, setting: string): AppError {
  const advice = setting.endsWith('DENY')
    ? `An operator can take it out of ${setting}.`
    : `An operator can allow it in ${setting}.`;
  return new Invalid('url_refused', `${what} ${advice}`);
}

/**
 * The IPv4 address inside an IPv6 one: mapped (::ffff:0:0/96), translated (::ffff:0:0:0/96, RFC 2765), NAT64 (64:ff9b::/96, RFC 6052),
 * 6to4 (2002::/16) and the deprecated compatible form (::/96).
 */
function embedded(address: Address): ipaddr.IPv4 | null {
  if (address.kind() === 'ipv4') return null;
  const parts = (address as ipaddr.IPv6).parts;
  const range = address.range();
  if (['ipv4Mapped', 'rfc6145', 'rfc6052'].includes(range)) return fromParts(parts[6], parts[7]);
  if (range === '6to4') return fromParts(parts[1], parts[2]);
  const compatible = parts.slice(0, 6).every((part) => part === 0) && (parts[6] ?? 0) > 0;
  return compatible ? fromParts(parts[6], parts[7]) : null;
}

function fromParts(high = 0, low = 0): ipaddr.IPv4 {
  return new ipaddr.IPv4([high >> 8, high & 255, low >> 8, low & 255]);
}

function parseRule(setting: string, entries: string[]): Rule {
  const rule: Rule = { hosts: [], blocks: [], private: false };
  for (const entry of entries.map((each) => each.trim().toLowerCase()).filter(Boolean)) addEntry(rule, setting, entry);
  return rule;
}

function addEntry(rule: Rule, setting: string, entry: string): void {
  const bare = entry.replace(/^\[|\]$/g, '');
  if (entry === 'private' && setting.endsWith('DENY')) rule.private = true;
  else if (ipaddr.isValidCIDR(bare)) rule.blocks.push(ipaddr.parseCIDR(bare));
  else if (ipaddr.IPv6.isValid(bare)) rule.blocks.push([ipaddr.parse(bare), 128]);
  else if (ipaddr.IPv4.isValidFourPartDecimal(bare)) rule.blocks.push([ipaddr.parse(bare), 32]);
  else if (HOST_RULE.test(entry) && !/^[\d.]+$/.test(entry)) rule.hosts.push(entry);
  else
    throw new Invalid('egress_rule_invalid', `${setting}: "${entry}" is neither a host name, an address nor a CIDR.`);
}

function matchesHost(rule: Rule, host: string): boolean {
  return rule.hosts.some((entry) => (entry.startsWith('*.') ? host.endsWith(entry.slice(1)) : host === entry));
}

function matchesBlock(rule: Rule, address: Address): boolean {
  return rule.blocks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}
