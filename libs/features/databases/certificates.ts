/**
 * Certificates for databases, signed by this installation's own CA. The key of the CA is derived from the installation's encryption key:
 * API and worker have the same without a file to keep, and clients can go on trusting it for as long as that key lives.
 */
import { createECDH, createPrivateKey, generateKeyPairSync, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Engine, type EngineCommand, script } from '#drivers/engines/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { makeCertificate } from '#platform/x509.js';

const CA_NAME = 'Containr database CA';
const CA_FROM = new Date('2025-01-01T00:00:00Z');
const CA_TO = new Date('2055-01-01T00:00:00Z');
/** Longer than a database runs without a start; each start brings a new one. */
const DAYS = 3650;
const DAY_MS = 86_400_000;

const WRITE = `umask 077
mkdir -p "$FOLDER"
printf '%s' "$CA" > "$FOLDER/ca.crt"
printf '%s' "$CERTIFICATE" > "$FOLDER/server.crt"
printf '%s' "$KEY" > "$FOLDER/server.key"
printf '%s%s' "$KEY" "$CERTIFICATE" > "$FOLDER/server.pem"`;

@Injectable()
export class Certificates {
  private readonly key: KeyObject;

  constructor(@Inject(CONFIG) config: Pick<Config, 'CONTAINR_ENCRYPTION_KEY'>) {
    this.key = derivedKey(Buffer.from(config.CONTAINR_ENCRYPTION_KEY, 'hex'));
  }

  /** PEM of the CA, for clients. Only its signature differs from call to call. */
  authority(): string {
    const serial = Buffer.from([1]);
    const wish = { subject: CA_NAME, issuer: CA_NAME, key: this.key, signer: this.key, serial, names: null };
    return makeCertificate({ ...wish, from: CA_FROM, to: CA_TO });
  }

  /** PEM of a server with these DNS names and addresses, and its key. */
  server(names: string[], now = new Date()): { certificate: string; key: string } {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const serial = randomBytes(16);
    const from = new Date(now.getTime() - DAY_MS);
    const to = new Date(now.getTime() + DAYS * DAY_MS);
    const wish = {
      subject: names[0] ?? '',
      issuer: CA_NAME,
      key: privateKey,
      signer: this.key,
      serial,
      from,
      to,
      names,
    };
    return { certificate: makeCertificate(wish), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }

  /** Writes the files into the volume of a running database. */
  command({ tls }: Engine, names: string[]): EngineCommand | null {
    if (!tls) return null;
    const { certificate, key } = this.server(names);
    return script(WRITE, { FOLDER: tls.folder, CA: this.authority(), CERTIFICATE: certificate, KEY: key }, tls.user);
  }
}

/** A P-256 key out of 32 bytes; the odds that they are no valid scalar are 1 in 2^32, and then the next ones are taken. */
function derivedKey(secret: Buffer): KeyObject {
  for (let round = 0; ; round += 1) {
    const d = Buffer.from(hkdfSync('sha256', secret, '', `containr database ca ${round}`, 32));
    try {
      const curve = createECDH('prime256v1');
      curve.setPrivateKey(d);
      const point = curve.getPublicKey();
      const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url'));
      return createPrivateKey({
        key: { kty: 'EC', crv: 'P-256', d: d.toString('base64url'), x, y } as never,
        format: 'jwk',
      });
    } catch (error) {
      if (round > 8) throw error;
    }
  }
}
