// From the answer to "deploy this" until a worker has the run, nothing else queued. Deployments are asked for by POST, as long as there is
// no webhook; what follows the transaction (nudge, claim) is the same. Both clocks are this machine's; resolution 1 ms.

import { until } from '../../../deploy/setup/lib/wait.mjs';
import { boundLine } from '../lib/pairs.mjs';

const SAMPLES_PER_PAIR = 12;
const WARMUP = 10;

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
  what: 'deployment accepted (POST answered) -> a worker has claimed the run, and its first step began; idle queue',

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, say, world: start }) {
    const world = await start();
    const service = await world.service(await world.project(), { name: 'empty', source: { type: 'git' } });
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
      boundLine({ label, unit: 'ms', ours: claimed, atMost: 10 }),
      boundLine({ label, unit: 'ms', ours: claimed, atMost: 30, percent: 99 }),
      boundLine({ label: 'POST deployment answered -> first step began', unit: 'ms', ours: step, atMost: 30 }),
    ];
  },
};
