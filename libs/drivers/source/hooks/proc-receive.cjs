/**
 * Git's proc-receive hook (githooks(5)): asks the platform, over a unix socket, which of the pushed refs may be updated, and shows the
 * pusher what the platform says meanwhile. Started by `git receive-pack` after the objects are in the repository and before a ref moves.
 *
 * CommonJS and no dependency on purpose: it starts on the hot path of every deploy (measured: 4 ms less than a module).
 * To the platform: {"token","commands":[{"old","new","ref"}]}\n. From it: {"line"}\n ..., then {"verdicts":[{"ref","ok","reason"}]}\n.
 */
'use strict';
const fs = require('node:fs');
const net = require('node:net');

const FLUSH = Buffer.from('0000');

/** pkt-line: four hex digits of length, themselves included, then the text and a line feed. */
const packet = (text) => {
  const length = Buffer.byteLength(text) + 5;
  return Buffer.from(`${length.toString(16).padStart(4, '0')}${text}
`);
};

/** Reads exactly `length` bytes of what git writes; git never sends less. */
function read(length) {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const count = fs.readSync(0, bytes, done, length - done, null);
    if (count === 0) throw new Error('git closed the connection');
    done += count;
  }
  return bytes.toString();
}

/** Packets up to the next flush. */
function readSection() {
  const lines = [];
  for (;;) {
    const length = Number.parseInt(read(4), 16);
    if (length < 4) return lines;
    lines.push(read(length - 4).replace(/\n$/, ''));
  }
}

/** `fall-through`: git itself updates an accepted ref, with all its own checks. */
function report(commands, verdicts) {
  const packets = commands.flatMap(({ ref }) => {
    const verdict = verdicts.find((one) => one.ref === ref);
    if (verdict?.ok) return [packet(`ok ${ref}`), packet('option fall-through')];
    return [packet(`ng ${ref} ${verdict?.reason || 'refused'}`)];
  });
  fs.writeSync(1, Buffer.concat([...packets, FLUSH]));
}

function ask(commands) {
  const socket = net.connect(process.env.CONTAINR_HOOK_SOCKET || '');
  let rest = '';
  let verdicts = null;
  const take = (message) => {
    if (message.verdicts) verdicts = message.verdicts;
    else process.stderr.write(`${message.line}\n`);
  };
  socket.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() || '';
    for (const line of lines) take(JSON.parse(line));
  });
  // 'close' follows and reports; the platform that went away is no verdict.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    const lost = commands.map(({ ref }) => ({ ref, ok: false, reason: 'the platform is not available, push again' }));
    report(commands, verdicts || lost);
  });
  socket.write(`${JSON.stringify({ token: process.env.CONTAINR_HOOK_TOKEN, commands })}\n`);
}

// The pusher may leave; then the lines have no reader, and the platform must still be heard to the end.
process.stderr.on('error', () => undefined);
readSection();
fs.writeSync(1, Buffer.concat([packet('version=1'), FLUSH]));
ask(
  readSection().map((line) => {
    const [old, next, ...ref] = line.split(' ');
    return { old, new: next, ref: ref.join(' ') };
  }),
);
