import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expiryOf, requireCertificate } from './certificates.js';

/** Self-signed, valid for two days. */
function make(name: string, key: string[] = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'containr-cert-'));
  const [keyFile, file] = [path.join(dir, 'key'), path.join(dir, 'cert')];
  const args = ['-nodes', '-keyout', keyFile, '-out', file, '-days', '2', '-subj', '/CN=x'];
  execFileSync('openssl', ['req', '-x509', ...key, ...args, '-addext', `subjectAltName=DNS:${name}`], {
    stdio: 'ignore',
  });
  const pem = { chain: readFileSync(file, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  rmSync(dir, { recursive: true });
  return pem;
}

const shop = make('shop.example.com');
const wild = make('*.example.com', ['-newkey', 'rsa:2048']);
const reason = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toMatchObject({ code: 'certificate_invalid', status: 400 });
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
};

it('takes what fits, EC and RSA, exact and wildcard, with a chain behind it', () => {
  requireCertificate('shop.example.com', shop.chain, shop.key);
  requireCertificate('shop.example.com', `text before\n${shop.chain}\n${wild.chain}`, shop.key);
  requireCertificate('shop.example.com', wild.chain, wild.key);
  requireCertificate('*.example.com', wild.chain, wild.key);
  expect(expiryOf(shop.chain).getTime()).toBeGreaterThan(Date.now() + 86_400_000);
});

it('says what is wrong', () => {
  expect(reason(() => requireCertificate('shop.example.com', 'hello', shop.key))).toContain('BEGIN CERTIFICATE');
  expect(reason(() => requireCertificate('shop.example.com', shop.chain, 'hello'))).toContain('PEM');
  expect(reason(() => requireCertificate('shop.example.com', shop.chain, wild.key))).toContain('does not belong');
  expect(reason(() => requireCertificate('shop.example.com', wild.chain + shop.chain, shop.key))).toContain(
    'does not belong',
  );
  expect(reason(() => requireCertificate('other.example.com', shop.chain, shop.key))).toContain('DNS:shop.example.com');
  expect(reason(() => requireCertificate('*.example.com', shop.chain, shop.key))).toContain('not for');
  const later = new Date(Date.now() + 3 * 86_400_000);
  expect(reason(() => requireCertificate('shop.example.com', shop.chain, shop.key, later))).toContain('expired');
  const damaged = shop.chain.replace(/\n[A-Za-z0-9+/]{10}/, '\nAAAAAAAAAA');
  expect(reason(() => requireCertificate('shop.example.com', damaged, shop.key))).toContain('damaged');
});
