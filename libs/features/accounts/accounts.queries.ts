import type { Tx } from '#platform/prisma/prisma.service.js';

/** Any number that no other advisory lock of ours uses. */
const REGISTRATION_LOCK = 7_203_001;

/** One registration at a time, until commit: two first users would otherwise both become administrator. */
export async function lockRegistration(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${REGISTRATION_LOCK}::bigint)`;
}

/** @returns first: nobody has an account yet. */
export async function registrationState(tx: Tx): Promise<{ open: boolean; first: boolean }> {
  const [state] = await tx.$queryRaw<[{ open: boolean; first: boolean }]>`
    SELECT COALESCE((SELECT registration_open FROM installation WHERE id = 1), true) AS open, NOT EXISTS (SELECT FROM users) AS first`;
  return state;
}
