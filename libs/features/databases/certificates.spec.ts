import { X509Certificate } from 'node:crypto';
import { Certificates } from './certificates.js';

const config = { CONTAINR_ENCRYPTION_KEY: 'ab'.repeat(32) };

describe('certificates of databases', () => {
  const certificates = new Certificates(config);
  const authority = new X509Certificate(certificates.authority());

  it('the CA is a CA, signed by itself, the same for the same key', () => {
    expect([authority.ca, authority.verify(authority.publicKey), authority.checkIssued(authority)]).toEqual([
      true,
      true,
      true,
    ]);
    const again = new X509Certificate(new Certificates(config).authority());
    expect(again.publicKey.equals(authority.publicKey)).toBe(true);
    const other = new X509Certificate(new Certificates({ CONTAINR_ENCRYPTION_KEY: 'cd'.repeat(32) }).authority());
    expect(other.publicKey.equals(authority.publicKey)).toBe(false);
    expect(authority.validTo).toBe('Jan  1 00:00:00 2055 GMT');
  });

  it('a server has its names and addresses, is no CA and was signed by ours', () => {
    const { certificate, key } = certificates.server(['main-db', '203.0.113.7'], new Date('2026-11-21T00:00:00Z'));
    const server = new X509Certificate(certificate);
    expect([server.ca, server.verify(authority.publicKey), server.checkIssued(authority)]).toEqual([false, true, true]);
    expect([server.checkHost('main-db'), server.checkHost('other'), server.checkIP('203.0.113.7')]).toEqual([
      'main-db',
      undefined,
      '203.0.113.7',
    ]);
    expect(server.validTo).toBe('Nov 18 00:00:00 2036 GMT');
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  });
});
