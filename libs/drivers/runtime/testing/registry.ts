/** Debian's docker-registry on a free port of 127.0.0.1, which Docker speaks plain http to, behind a login. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const LOGIN = { username: 'tester', password: 'registry-password' };
/** crypt(3) of the password with bcrypt, the only kind that the registry takes. */
const HTPASSWD = `tester:$2b$04$abcdefghijklmnopqrstuuvMfIFKvu0UMo4ROgipiW53f9qa5YK3q\n`;

export interface TestRegistry {
  /** host:port */
  host: string;
  close(): Promise<void>;
}

export async function startRegistry(): Promise<TestRegistry> {
  const folder = await mkdtemp(path.join(tmpdir(), 'containr-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  await writeFile(path.join(folder, 'htpasswd'), HTPASSWD);
  await writeFile(path.join(folder, 'config.yml'), configuration(folder, host));
  const child = spawn('docker-registry', ['serve', path.join(folder, 'config.yml')], { cwd: folder, stdio: 'ignore' });
  const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
  await Promise.race([answering(host), failed]);
  return { host, close: () => close(child, folder) };
}

function configuration(folder: string, host: string): string {
  return [
    'version: 0.1',
    'log: { level: error }',
    `storage: { filesystem: { rootdirectory: ${folder}/data } }`,
    `http: { addr: "${host}" }`,
    `auth: { htpasswd: { realm: test, path: ${folder}/htpasswd } }`,
    '',
  ].join('\n');
}

async function answering(host: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if ((await statusOf(`http://${host}/v2/`)) === 401) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('docker-registry does not answer');
}

function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false }, (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.once('error', () => resolve(0));
  });
}

async function close(child: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
  await rm(folder, { recursive: true, force: true });
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
