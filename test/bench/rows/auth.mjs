// Tokens and passwords.
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { hash, verify } from '@node-rs/argon2';
import { Sessions } from '#features/accounts/sessions.js';
import { interleave } from '../lib/interleave.mjs';
import { boundLine, ratioLine } from '../lib/pairs.mjs';
import { ask } from '../lib/requests.mjs';

const VERIFICATIONS = 10_000;
const LOGINS = 16;
const USER = { email: 'bench@example.test', password: 'correct horse battery staple' };
/** OWASP's parameters, as the product uses them. */
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** CPU of one check of a token whose user is remembered, in this process. @returns {Promise<number>} microseconds */
async function verification() {
  const key = randomBytes(32).toString('hex');
  const users = { find: async (userId) => ({ userId, isAdmin: false }) };
  const sessions = new Sessions({ CONTAINR_JWT_KEY: key, CONTAINR_SESSION_HOURS: 1 }, users);
  const token = sessions.issue('7d3f9c52-3b57-4a0e-9a63-0b1f8f6f6a11');
  const before = process.cpuUsage();
  for (let i = 0; i < VERIFICATIONS; i++) await sessions.authenticate(token);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / VERIFICATIONS;
}

async function timed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

const login = (world, agent) =>
  ask({ port: world.apiPort, path: '/api/v1/auth/login', method: 'POST', body: USER }, agent);

/** The longest that a file from memory had to wait while many people sign in: an upper bound of the event loop's lag. */
async function lag(world) {
  const agents = [0, 1].map(() => new http.Agent({ keepAlive: true }));
  let busy = true;
  const all = Promise.all(Array.from({ length: LOGINS }, () => login(world, agents[0]))).finally(() => {
    busy = false;
  });
  let longest = 0;
  while (busy)
    longest = Math.max(longest, await timed(() => ask({ port: world.apiPort, path: '/style.css' }, agents[1])));
  await all;
  for (const agent of agents) agent.destroy();
  return longest;
}

export default {
  name: 'auth',
  what: 'token check; login against one argon2id verify; the event loop while 16 people sign in at once',

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const checks = [];
    for (let i = -1; i < pairs; i++) checks[Math.max(i, 0)] = await verification();
    const world = await start();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const stored = await hash(USER.password, ARGON2);
    const floor = () => timed(() => verify(stored, USER.password));
    const taken = await interleave({
      pairs,
      warmup: 3,
      signal,
      say,
      floor,
      ours: () => timed(() => login(world, agent)),
    });
    agent.destroy();
    const lags = [];
    for (let i = -1; i < pairs; i++) lags[Math.max(i, 0)] = await lag(world);
    return [
      boundLine({ label: 'token check, CPU', unit: 'us', ours: checks, atMost: 15 }),
      ratioLine({ label: 'login; floor: argon2id verify', unit: 'ms', ...taken, atMost: 1.3 }),
      boundLine({
        label: `longest wait of another request during ${LOGINS} logins`,
        unit: 'ms',
        ours: lags,
        atMost: 25,
      }),
    ];
  },
};
