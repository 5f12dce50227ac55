// A process of its own that only asks, so that nothing delays its clock. argv: port, log file, requests per second and host, hosts ...
// One line per request: [host's number, start, end (ms since 1970), status or 0, what was answered or why not].
import { createWriteStream } from 'node:fs';
import http from 'node:http';

const PATIENCE_MS = 15_000;
const TICK_MS = 5;
const [port, file, perSecond, ...hosts] = process.argv.slice(2);
const log = createWriteStream(file);
const open = new Set();
let stopping = false;

function ask(index) {
  const start = Date.now();
  const options = {
    host: '127.0.0.1',
    port,
    path: '/',
    headers: { host: hosts[index] },
    agent: false,
    timeout: PATIENCE_MS,
  };
  const request = http.get(options, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    response.on('end', () => finish(response.statusCode, text));
    response.on('error', (error) => finish(0, String(error)));
  });
  let done = false;
  const finish = (status, text) => {
    if (done) return;
    done = true;
    open.delete(request);
    log.write(`${JSON.stringify([index, start, Date.now(), status, text.slice(0, 300)])}\n`);
    if (stopping && open.size === 0) end();
  };
  open.add(request);
  request.on('timeout', () => request.destroy(new Error('no answer')));
  request.on('error', (error) => finish(0, String(error)));
}

function end() {
  log.end(() => process.exit(0));
}

const began = performance.now();
let asked = 0;
const timer = setInterval(() => {
  for (const due = ((performance.now() - began) / 1000) * perSecond; asked < due; asked++)
    for (const index of hosts.keys()) ask(index);
}, TICK_MS);

process.on('SIGTERM', () => {
  clearInterval(timer);
  stopping = true;
  if (open.size === 0) end();
});
process.on('disconnect', () => process.exit(1)); // whoever wanted the load is gone
process.send('ready');
