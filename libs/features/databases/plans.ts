/** What each plan gives. Pure data. */
import type { DatabasePlanName } from '#contracts/databases.js';
import type { Engine, Settings } from '#drivers/engines/index.js';

export interface Plan {
  cpus: number;
  memoryBytes: number;
  storageBytes: number;
  maxConnections: number;
  backupRetentionDays: number;
}

const MI = 2 ** 20;
const GI = 2 ** 30;

export const PLANS: Record<DatabasePlanName, Plan> = {
  hobby: { cpus: 0.5, memoryBytes: 512 * MI, storageBytes: GI, maxConnections: 25, backupRetentionDays: 1 },
  starter: { cpus: 1, memoryBytes: GI, storageBytes: 10 * GI, maxConnections: 100, backupRetentionDays: 7 },
  standard: { cpus: 2, memoryBytes: 4 * GI, storageBytes: 50 * GI, maxConnections: 250, backupRetentionDays: 14 },
  business: { cpus: 4, memoryBytes: 8 * GI, storageBytes: 200 * GI, maxConnections: 500, backupRetentionDays: 30 },
};

export function planOf(name: string): Plan {
  return PLANS[name as DatabasePlanName];
}

/** An engine that needs more than the plan has gets what it needs: it would not start otherwise. */
export function limitsOf(engine: Engine, plan: string): { cpus: number; memoryBytes: number; pids: number } {
  const { cpus, memoryBytes } = planOf(plan);
  return { cpus, memoryBytes: Math.max(memoryBytes, engine.leastMemory), pids: PIDS };
}

/** Processes and threads; PostgreSQL has a process per connection. */
const PIDS = 4096;

/** What was asked for, completed with what the plan says. */
export function settingsOf(row: { settings: unknown; plan: string }): Settings {
  const wanted = row.settings as Partial<Settings>;
  return { max_connections: planOf(row.plan).maxConnections, timeout: 0, ssl: false, logging: false, ...wanted };
}
