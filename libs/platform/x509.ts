/**
 * Certificates in DER (RFC 5280), as far as a small private CA needs them: P-256 keys, ECDSA with SHA-256. Node can read certificates but not
 * make them.
 */
import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import net from 'node:net';

/** Object identifiers, encoded. */
const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  subjectAltName: '551d11',
  subjectKey: '551d0e',
  authorityKey: '551d23',
  serverAuth: '2b06010505070301',
};

export interface CertificateWish {
  subject: string;
  issuer: string;
  /** Of whom the certificate is. */
  key: KeyObject;
  /** Who signs. */
  signer: KeyObject;
  /** At most 20 bytes. */
  serial: Buffer;
  from: Date;
  to: Date;
  /** Null: a CA. DNS names and addresses of a server otherwise. */
  names: string[] | null;
}

/** PEM. */
export function makeCertificate(wish: CertificateWish): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const body = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(wish.serial),
    algorithm,
    name(wish.issuer),
    sequence(time(wish.from), time(wish.to)),
    name(wish.subject),
    publicDer(wish.key),
    tlv(0xa3, sequence(...extensions(wish))),
  );
  const signature = sign('sha256', body, wish.signer);
  return pem(sequence(body, algorithm, bits(signature, 0)));
}

function extensions({ key, signer, names }: CertificateWish): Buffer[] {
  const usage = names ? bits(Buffer.from([0x80]), 7) : bits(Buffer.from([0x06]), 1);
  const authority = sequence(tlv(0x80, keyId(signer)));
  return [
    extension(OID.basicConstraints, names ? sequence() : sequence(TRUE), true),
    extension(OID.keyUsage, usage, true),
    extension(OID.subjectKey, tlv(0x04, keyId(key))),
    extension(OID.authorityKey, authority),
    ...(names ? [extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth)))] : []),
    ...(names ? [extension(OID.subjectAltName, sequence(...names.map(alternative)))] : []),
  ];
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [TRUE] : []), tlv(0x04, value));
}

/** IPv4 addresses and DNS names. */
function alternative(text: string): Buffer {
  return net.isIPv4(text) ? tlv(0x87, Buffer.from(text.split('.').map(Number))) : tlv(0x82, Buffer.from(text, 'ascii'));
}

function publicDer(key: KeyObject): Buffer {
  return (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' });
}

/** SHA-1 of the key, as RFC 5280 4.2.1.2 proposes: a name for it, not a proof. */
function keyId(key: KeyObject): Buffer {
  const der = publicDer(key);
  // The last 65 bytes are the point of a P-256 key.
  return createHash('sha1').update(der.subarray(-65)).digest();
}

const TRUE = Buffer.from([0x01, 0x01, 0xff]);

function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), value]);
  const digits = length.toString(16);
  const bytes = Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, value]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

/** Not negative, in as few bytes as possible. */
function integer(value: Buffer): Buffer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start += 1;
  const bytes = value.subarray(start);
  return tlv(0x02, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function bits(value: Buffer, unused: number): Buffer {
  return tlv(0x03, Buffer.concat([Buffer.from([unused]), value]));
}

function oid(encoded: string): Buffer {
  return tlv(0x06, Buffer.from(encoded, 'hex'));
}

function name(common: string): Buffer {
  return sequence(tlv(0x31, sequence(oid(OID.commonName), tlv(0x0c, Buffer.from(common)))));
}

/** UTCTime until 2049, GeneralizedTime from then on. */
function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/[-:T]|\.\d+/g, '');
  return at.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits));
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
