/**
 * A small image made offline from what every Debian has: dash, perl, cat, sleep and their libraries, copied from the machine that runs the
 * test. Its program listens on $PORT (default 3000), answers any HTTP request with 200 "ok", logs `tick N` every 100 ms and ends on SIGTERM.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { pack } from 'tar-stream';

const run = promisify(execFile);

const PROGRAMS = {
  '/bin/sh': '/bin/dash',
  '/usr/bin/perl': '/usr/bin/perl',
  '/bin/cat': '/bin/cat',
  '/bin/sleep': '/bin/sleep',
};

/** Without modules: 2 = AF_INET, 1 = SOCK_STREAM and SOL_SOCKET, 2 = SO_REUSEADDR on Linux. */
const APP = `
$| = 1;
$SIG{TERM} = sub { print "stopping\\n"; exit 0 };
socket(S, 2, 1, 0) or die $!;
setsockopt(S, 1, 2, pack('i', 1)) or die $!;
bind(S, pack('S n a4 x8', 2, $ENV{PORT} || 3000, "\\0\\0\\0\\0")) or die $!;
listen(S, 128) or die $!;
print "listening\\n";
my $n = 0;
while (1) {
  my $r = ''; vec($r, fileno(S), 1) = 1;
  if (select($r, undef, undef, 0.1) > 0) {
    accept(C, S); sysread(C, my $b, 65536);
    syswrite(C, "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok"); close C;
  } else { print "tick ", $n++, "\\n" }
}
`;

export interface TestImage {
  /** Reference, unique to this call. */
  ref: string;
  remove(): Promise<void>;
}

/** Imports the image into the engine behind the default socket. @param more Dockerfile instructions, e.g. `VOLUME /data` */
export async function makeTestImage(more: string[] = []): Promise<TestImage> {
  const docker = testDocker();
  const repo = `containr-test-${randomBytes(6).toString('hex')}`;
  const changes = ['CMD ["/usr/bin/perl", "/app.pl"]', 'EXPOSE 3000', ...more];
  const stream = await docker.importImage(await imageTar(), { repo, tag: 'latest', changes });
  await new Promise((resolve, reject) =>
    docker.modem.followProgress(stream, (e, out) => (e ? reject(e) : resolve(out))),
  );
  const ref = `${repo}:latest`;
  return { ref, remove: async () => void (await docker.getImage(ref).remove()) };
}

/** A client of our own for what tests do behind the driver's back. */
export function testDocker(): Docker {
  return new Docker({ socketPath: '/var/run/docker.sock', host: undefined });
}

async function imageTar(): Promise<NodeJS.ReadableStream> {
  const tar = pack();
  for (const [path, source] of await files()) tar.entry({ name: path.slice(1), mode: 0o755 }, await readFile(source));
  tar.entry({ name: 'app.pl', mode: 0o644 }, APP);
  tar.entry({ name: 'tmp', type: 'directory', mode: 0o1777 });
  tar.finalize();
  return tar as unknown as NodeJS.ReadableStream;
}

/** Path in the image -> file on this machine. */
async function files(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [path, source] of Object.entries(PROGRAMS)) {
    found.set(path, await realpath(source));
    const { stdout } = await run('ldd', [source]);
    for (const [library] of stdout.matchAll(/\/\S+(?= \(0x)/g)) found.set(library, await realpath(library));
  }
  return found;
}
