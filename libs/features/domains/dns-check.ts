/** Does a host name lead to our ingress? What is expected, what was found, and what to do next. */
import { Resolver } from 'node:dns/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { DnsCheckView } from '#contracts/domains.js';
import { CONFIG, type Config } from '#platform/config.js';

type Records = DnsCheckView['found'];

/** The name server says that there is nothing: https://nodejs.org/api/dns.html#error-codes */
const NOTHING = new Set(['ENOTFOUND', 'ENODATA']);
const PATIENCE_MS = 2000;

@Injectable()
export class DnsCheck {
  private readonly resolver: Resolver;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.resolver = new Resolver({ timeout: PATIENCE_MS, tries: 1 });
    if (config.CONTAINR_DNS_SERVERS.length > 0) this.resolver.setServers(config.CONTAINR_DNS_SERVERS);
  }

  /** Never rejects: a name server that does not answer is a finding. @param target the service's host below the base domain */
  async check(hostname: string, target: string, now = new Date()): Promise<DnsCheckView> {
    const [found, expected] = await Promise.all([this.records(probeOf(hostname)), this.expected(target)]);
    return judge({ hostname, target, found, expected, checkedAt: now });
  }

  private async expected(target: string): Promise<string[]> {
    if (this.config.CONTAINR_INGRESS_ADDRESSES.length > 0) return this.config.CONTAINR_INGRESS_ADDRESSES;
    return (await this.records(target))?.addresses ?? [];
  }

  /** null: the name server does not answer. */
  private async records(name: string): Promise<Records | null> {
    try {
      const [cname, four, six] = await Promise.all([
        this.resolver.resolveCname(name).catch(none),
        this.resolver.resolve4(name).catch(none),
        this.resolver.resolve6(name).catch(none),
      ]);
      return { cname, addresses: [...four, ...six].sort() };
    } catch {
      return null; // see judge()
    }
  }
}

/** A wildcard stands for any label. */
const probeOf = (hostname: string) => hostname.replace(/^\*\./, 'containr-check.');

function none(error: NodeJS.ErrnoException): string[] {
  if (NOTHING.has(error.code ?? '')) return [];
  throw error;
}

export interface Finding {
  hostname: string;
  target: string;
  found: Records | null;
  /** Addresses of the ingress; empty: not known. */
  expected: string[];
  checkedAt: Date;
}

export function judge({ hostname, target, found, expected, checkedAt }: Finding): DnsCheckView {
  const records = found ?? { cname: [], addresses: [] };
  const byName = records.cname.includes(target);
  const ours = records.addresses.filter((address) => expected.includes(address));
  const ok = byName || (ours.length > 0 && ours.length === records.addresses.length);
  return {
    checked_at: checkedAt.toISOString(),
    ok,
    expected: { cname: target, addresses: expected },
    found: records,
    message: ok ? 'DNS leads here.' : advice(hostname, target, found, expected),
  };
}

function advice(hostname: string, target: string, found: Records | null, expected: string[]): string {
  const addresses = expected.length > 0 ? `, or A/AAAA records with ${expected.join(', ')}` : '';
  const wanted = `Set a CNAME record for ${hostname} to ${target}${addresses}`;
  if (!found) return `The name server did not answer. ${wanted}, and check again.`;
  const seen = [...found.cname, ...found.addresses];
  if (seen.length === 0) return `There is no record for ${hostname}. ${wanted}.`;
  return `${hostname} leads to ${seen.join(', ')}. ${wanted}; changes take as long as the old record's TTL.`;
}
