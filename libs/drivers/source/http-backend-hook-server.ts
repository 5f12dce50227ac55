/**
 * The platform's end of the proc-receive hook (hooks/proc-receive.pl): a unix socket that only our own hooks can use. Each push gets one
 * random token, in the environment of its `git http-backend`, good for one connection; who is pushing to which repository is known from
 * the token, never from what the hook says.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { publicMessage } from '#platform/errors.js';

/** One ref that the pusher wants to move. 40 zeros: it does not exist before / shall not exist afterwards. */
export interface PushCommand {
  old: string;
  new: string;
  ref: string;
}

export interface Push {
  context: Record<string, string>;
  /** Absolute path of the bare repository. The pushed objects are in it; no ref has moved. */
  repository: string;
  commands: PushCommand[];
}

export interface Verdict {
  ref: string;
  ok: boolean;
  /** Shown by git after the ref's name, one line. */
  reason?: string;
}

export interface HookServerOptions {
  /** In a folder of its own (it gets mode 0700), one per process: an old socket at this path is replaced. At most 107 bytes. */
  socketPath: string;
  /**
   * Decides about each ref; `out` shows the pusher a line at once, and does nothing when the pusher is gone. The push waits for it, it
   * does not wait for the push: a hook that disconnects changes nothing. Refs without a verdict are refused. Rejects: all are refused,
   * with the error's public message.
   */
  onPush(push: Push, out: (line: string) => void): Promise<Verdict[]>;
}

type Grant = Omit<Push, 'commands'>;

const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const MAX_REASON = 200;
/** The empty line after the commands. */
const END = '\n\n';
export class HookServer {
  readonly socketPath: string;
  private readonly grants = new Map<string, Grant>();
  private readonly server: net.Server;
  private readonly sockets = new Set<net.Socket>();

  constructor(private readonly options: HookServerOptions) {
    this.socketPath = options.socketPath;
    this.server = net.createServer((socket) => this.accept(socket));
  }

  async listen(): Promise<void> {
    const dir = path.dirname(this.socketPath);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await chmod(dir, 0o700);
    await rm(this.socketPath, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject).listen(this.socketPath, resolve);
    });
    await chmod(this.socketPath, 0o600);
  }

  /** Pushes under way are refused with "the platform is not available"; their onPush goes on. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Token for one hook. Revoke it when the push is over. */
  issue(grant: Grant): string {
    const token = randomBytes(32).toString('hex');
    this.grants.set(token, grant);
    return token;
  }

  revoke(token: string): void {
    this.grants.delete(token);
  }

  private accept(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    // A hook that dies is noticed as 'close'; there is nobody left to tell.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(10_000, () => socket.destroy());
    let text = '';
    const read = (chunk: string) => {
      text += chunk;
      if (!text.includes(END) && text.length <= MAX_REQUEST_BYTES) return;
      socket.off('data', read).setTimeout(0).resume();
      void this.serve(socket, text);
    };
    socket.setEncoding('utf8').on('data', read);
  }

  private async serve(socket: net.Socket, text: string): Promise<void> {
    const request = parseRequest(text);
    const grant = request && this.grants.get(request.token);
    if (!request || !grant) return void socket.destroy();
    this.grants.delete(request.token);
    const verdicts = await this.decide({ ...grant, commands: request.commands }, (line) => tell(socket, line));
    if (socket.writable) socket.end([...verdicts.map(verdictLine), 'end\n'].join(''));
  }

  private async decide(push: Push, out: (line: string) => void): Promise<Verdict[]> {
    try {
      const verdicts = await this.options.onPush(push, out);
      return verdicts.map((verdict) => ({ ...verdict, reason: oneLine(verdict.reason ?? '') }));
    } catch (error) {
      const reason = oneLine(publicMessage(error));
      return push.commands.map(({ ref }) => ({ ref, ok: false, reason }));
    }
  }
}

/** Null for what is not our hook: it gets no answer. */
function parseRequest(text: string): { token: string; commands: PushCommand[] } | null {
  const end = text.indexOf(END);
  if (end === -1) return null;
  const [token = '', ...lines] = text.slice(0, end).split('\n');
  const commands = lines.map((line) => {
    const [old = '', next = '', ...ref] = line.split(' ');
    return { old, new: next, ref: ref.join(' ') };
  });
  return { token, commands };
}

const verdictLine = ({ ref, ok, reason }: Verdict) => (ok ? `ok ${ref}\n` : `ng ${ref} ${reason ?? ''}\n`);

/** Lines may hold what a build printed: no escape sequence reaches the pusher's terminal. */
function tell(socket: net.Socket, text: string): void {
  if (!socket.writable) return;
  for (const line of text.split(/\r\n|\r|\n/)) socket.write(`say ${printable(line)}\n`);
}

function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, ' ')).slice(0, MAX_REASON);
}
