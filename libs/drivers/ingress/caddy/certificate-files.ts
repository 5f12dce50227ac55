/** Own certificates as files `<host>.pem`, chain and key in one, for the user of Caddy alone: Caddy reads them at a handshake (tls-config.ts). */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { OwnCertificate } from '../port.js';

export class CertificateFiles {
  constructor(private readonly dir: string) {}

  /** In one step: a handshake sees the old file or the new one. Unchanged: nothing is written. */
  async ensure(host: string, certificate: OwnCertificate | null): Promise<void> {
    const file = path.join(this.dir, `${host}.pem`);
    if (!certificate) return rm(file, { force: true });
    const pem = `${certificate.chain.trim()}\n${certificate.key.trim()}\n`;
    if ((await readFile(file, 'utf8').catch(() => null)) === pem) return; // absent or unreadable: written anew
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    const temporary = path.join(this.dir, `.${randomUUID()}`);
    await writeFile(temporary, pem, { mode: 0o600 });
    await rename(temporary, file);
  }
}
