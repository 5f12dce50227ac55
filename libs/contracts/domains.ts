/** Custom host names of a service. */
import { z } from 'zod';

const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/** Lower case; international names become punycode, as in DNS. `*.` in front stands for one label. */
export const hostname = z
  .string()
  .trim()
  .toLowerCase()
  .max(300)
  .transform((name) => {
    if (/[\s:/?#@\\]/.test(name)) return '';
    const wild = name.startsWith('*.') ? '*.' : '';
    // The URL parser is the only IDNA implementation everybody has (UTS 46).
    const url = URL.canParse(`http://${name.slice(wild.length)}`) ? new URL(`http://${name.slice(wild.length)}`) : null;
    return url ? wild + url.hostname : '';
  })
  .refine((name) => {
    const labels = name.replace(/^\*\./, '').split('.');
    const numeric = /^\d+$/.test(labels.at(-1) ?? '');
    return name.length <= 253 && labels.length >= 2 && !numeric && labels.every((label) => LABEL.test(label));
  }, 'must be a host name with at least two labels, e.g. www.example.com; no scheme, port or path')
  .meta({ description: 'Host name, e.g. `www.example.com` or `*.example.com`.' });

const pem = z.string().max(100_000);
const shared = {
  redirect_https: z.boolean().describe('Plain HTTP is answered with a redirect to HTTPS.'),
  certificate: pem.describe('Own certificate: PEM, the host’s own first, then its chain.'),
  private_key: pem.describe('Private key of the certificate: PEM, without a passphrase. Never shown again.'),
};

export const createDomainRequest = z
  .object({
    hostname,
    redirect_https: shared.redirect_https.default(true),
    certificate: shared.certificate.optional(),
    private_key: shared.private_key.optional(),
  })
  .meta({ id: 'CreateDomainRequest' });
export type CreateDomainRequest = z.output<typeof createDomainRequest>;

export const updateDomainRequest = z
  .object({
    redirect_https: shared.redirect_https.optional(),
    tls: z.enum(['automatic', 'custom']).optional().describe('`automatic` gives an own certificate up.'),
    certificate: shared.certificate.optional(),
    private_key: shared.private_key.optional(),
  })
  .meta({ id: 'UpdateDomainRequest' });
export type UpdateDomainRequest = z.output<typeof updateDomainRequest>;

export const dnsCheck = z
  .object({
    checked_at: z.iso.datetime(),
    ok: z.boolean(),
    expected: z.object({
      cname: z.string().describe('A CNAME record with this value is enough, except at the top of a zone.'),
      addresses: z.array(z.string()).describe('Or A and AAAA records with these.'),
    }),
    found: z.object({ cname: z.array(z.string()), addresses: z.array(z.string()) }),
    message: z.string().describe('What to do next.'),
  })
  .meta({ id: 'DnsCheck' });
export type DnsCheckView = z.output<typeof dnsCheck>;

export const domain = z
  .object({
    id: z.string(),
    service_id: z.string(),
    hostname: z.string(),
    status: z
      .enum(['pending', 'active'])
      .describe('`active` once DNS was seen to lead here. Requests are served either way.'),
    redirect_https: z.boolean(),
    tls: z.enum(['automatic', 'custom']),
    certificate_expires_at: z.iso.datetime().nullable().describe('Of an own certificate.'),
    dns: dnsCheck.nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Domain' });
export type DomainView = z.output<typeof domain>;

export const domainsResponse = z.object({ domains: z.array(domain) }).meta({ id: 'DomainsResponse' });
