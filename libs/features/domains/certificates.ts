/** Own certificates: is what the user gave usable for the host? Pure. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Invalid } from '#platform/errors.js';

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** @throws Invalid `certificate_invalid` that says what is wrong with it. */
export function requireCertificate(host: string, chain: string, key: string, now = new Date()): X509Certificate {
  const leaf = leafOf(chain);
  if (!leaf.checkPrivateKey(keyOf(key)))
    throw invalid('the private key does not belong to the first certificate. Put the host’s own certificate first');
  // A wildcard certificate is for every name below the parent, so any one will do for the test.
  if (!leaf.checkHost(host.replace(/^\*\./, 'any.')))
    throw invalid(`it is not for ${host} but for ${leaf.subjectAltName ?? 'no name at all'}`);
  if (new Date(leaf.validTo) <= now) throw invalid(`it expired on ${leaf.validTo}`);
  return leaf;
}

export function expiryOf(chain: string): Date {
  return new Date(leafOf(chain).validTo);
}

function leafOf(chain: string): X509Certificate {
  const blocks = chain.match(BLOCK) ?? [];
  if (blocks.length === 0) throw invalid('there is no "-----BEGIN CERTIFICATE-----" block in it');
  try {
    return blocks.map((block) => new X509Certificate(block))[0] as X509Certificate;
  } catch (cause) {
    throw invalid('one of its blocks is damaged', cause);
  }
}

function keyOf(key: string) {
  try {
    return createPrivateKey(key);
  } catch (cause) {
    throw invalid('the private key cannot be read: give PEM without a passphrase', cause);
  }
}

function invalid(why: string, cause?: unknown): Invalid {
  return new Invalid('certificate_invalid', `The certificate cannot be used: ${why}.`, { cause });
}
