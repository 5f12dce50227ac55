// One visitor who looks again and again until the new version answers.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { getThroughIngress } from '../../../deploy/setup/demo/load.mjs';

const LOOK_MS = 3;
const WITHIN_MS = 120_000;

/**
 * Resolves with performance.now() of the moment when the answer had come.
 * @param {{ port: number, host: string, path?: string }} target @param {string} text what the answer must contain @param {AbortSignal} signal
 */
export async function answers(target, text, signal) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const deadline = performance.now() + WITHIN_MS;
  try {
    for (;;) {
      signal.throwIfAborted();
      // A proxy without an upstream yet, or one that just closed the kept connection: not the answer, ask again.
      const answer = await getThroughIngress({ ...target, agent, signal }).catch((error) => ({ text: error.message }));
      if (answer.status === 200 && answer.text.includes(text)) return performance.now();
      if (performance.now() > deadline) throw new Error(`"${text}" never came; last: ${answer.text.slice(0, 200)}`);
      await sleep(LOOK_MS);
    }
  } finally {
    agent.destroy();
  }
}
