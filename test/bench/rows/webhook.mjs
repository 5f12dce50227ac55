// How long a git host waits for its 202: a signed push of 8 KB, checked and stored. And from the answer to "deploy this" until a worker has the
// run, nothing else queued; that is asked for by POST, what follows the transaction (nudge, claim) is the same. Both clocks are this machine's;
// resolution of the second 1 ms.

import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { until } from '../../../deploy/setup/lib/wait.mjs';
import { boundLine } from '../lib/pairs.mjs';

const SAMPLES_PER_PAIR = 12;
const WARMUP = 10;

/** A hook of a repository that answers nobody: the worker finds that out later, by itself. */
async function hooked(world, project) {
  const source = { type: 'git', repository: 'http://127.0.0.1:1/team/app', branch: 'main' };
  const service = await world.service(project, { name: 'hooked', source });
  const { url, secret } = await world.api.call('POST', `/services/${service.id}/webhook`, {});
  return { url: `http://127.0.0.1:${world.apiPort}${new URL(url).pathname}`, secret };
}

async function delivered({ url, secret }) {
  const after = randomBytes(20).toString('hex');
  const commit = { id: after, message: 'A commit', modified: ['x'.repeat(8000)] };
  const repository = { full_name: 'team/app' };
  const body = JSON.stringify({ ref: 'refs/heads/main', before: null, after, repository, head_commit: commit });
  const headers = {
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-github-delivery': randomUUID(),
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  };
  const started = performance.now();
  const answer = await fetch(url, { method: 'POST', headers, body });
  await answer.text();
  if (answer.status !== 202) throw new Error(`webhook answered ${answer.status}`);
  return performance.now() - started;
}

/** Nothing was ever pushed to this service: its run starts, finds that, and ends, without work for the Docker Engine. */
async function sample(world, service) {
  const { id } = await world.deploy(service);
  const answered = Date.now();
  const over = async () =>
    (await world.query("SELECT 1 FROM runs WHERE subject_id = $1 AND status = 'failed'", [id])).length;
  await until(over, { what: 'the run to end', within: 30_000, every: 10, signal: world.signal });
  const [at] = await world.query(
    `SELECT extract(epoch FROM r.started_at) * 1000 AS claimed, extract(epoch FROM s.started_at) * 1000 AS step
     FROM runs r JOIN run_steps s ON s.run_id = r.id AND s.position = 0 WHERE r.subject_id = $1`,
    [id],
  );
  return { claimed: Number(at.claimed) - answered, step: Number(at.step) - answered };
}

export default {
  name: 'webhook',
  what: 'webhook sent -> 202; deployment accepted (POST answered) -> a worker has claimed the run, and its first step began; idle queue',

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, say, world: start }) {
    const world = await start();
    const project = await world.project();
    const service = await world.service(project, { name: 'empty', source: { type: 'git' } });
    const hook = await hooked(world, project);
    const answered = [];
    for (let i = -WARMUP; i < pairs * SAMPLES_PER_PAIR; i++) {
      const ms = await delivered(hook);
      if (i >= 0) answered.push(ms);
    }
    // The worker has enough of it: what is measured next is an idle queue.
    await world.query("UPDATE webhook_deliveries SET status = 'done'");
    const claimed = [];
    const step = [];
    for (let i = -WARMUP; i < pairs * SAMPLES_PER_PAIR; i++) {
      const taken = await sample(world, service);
      if (i < 0) continue;
      claimed.push(taken.claimed);
      step.push(taken.step);
    }
    say(`${claimed.length} samples; negative: the worker was faster than the answer`);
    const label = 'POST deployment answered -> run claimed';
    return [
      boundLine({ label: 'webhook sent -> 202', unit: 'ms', ours: answered, atMost: 50 }),
      boundLine({ label, unit: 'ms', ours: claimed, atMost: 10 }),
      boundLine({ label, unit: 'ms', ours: claimed, atMost: 30, percent: 99 }),
      boundLine({ label: 'POST deployment answered -> first step began', unit: 'ms', ours: step, atMost: 30 }),
    ];
  },
};
