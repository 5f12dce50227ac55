/**
 * Asking the engine itself, in the request: queries, its users and databases. Bounded in time and size, and nothing else waits for it; the
 * engine is the only record of what is in it.
 */
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { DatabaseQueryRequest, databaseQueryResponse, databaseUserCreated } from '#contracts/databases.js';
import { APP, type Engine, type EngineCommand, type Tenants } from '#drivers/engines/index.js';
import { recordAudit } from '#features/audit/index.js';
import { Conflict, Invalid } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { newPassword } from './credentials.js';
import { DatabaseContainers, firstLine, type Instance, type Told } from './database-containers.js';
import { type DatabaseRow, requireDatabase } from './databases.queries.js';
import { requireRunning } from './databases.state.js';
import { hasTls } from './databases.view.js';

type Answer = z.output<typeof databaseQueryResponse>;

/** Beyond the time that the engine itself was given. */
const SLACK_MS = 5_000;
const TOOL_MS = 30_000;
const MAX_BYTES = 4 * 2 ** 20;

@Injectable()
export class DatabaseToolsService {
  constructor(
    private readonly db: PrismaService,
    private readonly containers: DatabaseContainers,
  ) {}

  /** @throws Invalid `query_failed` (what the engine said), `query_unsupported`, `query_timeout`; Conflict `database_not_running` */
  async query(caller: Caller, id: string, request: DatabaseQueryRequest): Promise<Answer> {
    const { row, instance } = await this.open(caller, id);
    const { query } = instance.engine;
    if (!query)
      throw new Invalid('query_unsupported', `${instance.engine.name} cannot be asked this way: use its own client.`);
    const { read_only: readOnly, timeout } = request;
    const wish = { text: request.query, readOnly, database: request.database ?? APP, timeoutSeconds: timeout };
    if (!readOnly) await this.record(caller, row, 'query', { read_only: false });
    const started = performance.now();
    const told = await this.tell(instance, query.command(instance.access, wish), timeout * 1000 + SLACK_MS);
    if (told.exitCode !== 0)
      throw new Invalid('query_failed', firstLine(told.stderr || told.stdout) || 'The engine refused the query.');
    const cut = Buffer.byteLength(told.stdout) >= MAX_BYTES;
    const { columns, rows } = query.parse(told.stdout);
    // What was cut off in the middle of a row is no row.
    const whole = cut ? rows.slice(0, -1) : rows;
    return {
      columns,
      rows: whole.slice(0, request.limit),
      truncated: cut || whole.length > request.limit,
      duration_ms: Math.round(performance.now() - started),
    };
  }

  async tenants(caller: Caller, id: string): Promise<{ users: string[]; databases: string[] }> {
    const { instance } = await this.open(caller, id);
    return this.list(instance);
  }

  /** @throws Conflict `user_exists` */
  async createUser(caller: Caller, id: string, name: string): Promise<z.output<typeof databaseUserCreated>> {
    const { row, instance } = await this.open(caller, id);
    const tenants = tenantsOf(instance.engine);
    if ((await this.list(instance)).users.includes(name))
      throw new Conflict('user_exists', `The database has a user "${name}" already.`);
    const password = newPassword();
    await this.insist(instance, tenants.createUser(instance.access, name, password));
    await this.record(caller, row, 'user_create', { user: name });
    const url = instance.engine.url({ ...instance.access, password }, row.alias, hasTls(row));
    return { name, password, connection_url: url.replace(`//${APP}:`, `//${encodeURIComponent(name)}:`) };
  }

  /** @throws NotFound `user_not_found`; Conflict `user_reserved` */
  async dropUser(caller: Caller, id: string, name: string): Promise<void> {
    const { row, instance } = await this.open(caller, id);
    if (name === APP) throw new Conflict('user_reserved', `The user ${APP} goes with the database only.`);
    if (!(await this.list(instance)).users.includes(name)) throw notFound('user');
    await this.insist(instance, tenantsOf(instance.engine).dropUser(instance.access, name));
    await this.record(caller, row, 'user_delete', { user: name });
  }

  /** @throws Conflict `name_exists` */
  async createDatabase(caller: Caller, id: string, name: string): Promise<string[]> {
    const { row, instance } = await this.open(caller, id);
    if ((await this.list(instance)).databases.includes(name))
      throw new Conflict('name_exists', `There is a database "${name}" in it already.`);
    await this.insist(instance, tenantsOf(instance.engine).createDatabase(instance.access, name));
    await this.record(caller, row, 'database_create', { database: name });
    return (await this.list(instance)).databases;
  }

  /** @throws NotFound `name_not_found`; Conflict `name_reserved` */
  async dropDatabase(caller: Caller, id: string, name: string): Promise<void> {
    const { row, instance } = await this.open(caller, id);
    if (name === APP) throw new Conflict('name_reserved', `The database ${APP} goes with the whole only.`);
    if (!(await this.list(instance)).databases.includes(name)) throw notFound('name');
    await this.insist(instance, tenantsOf(instance.engine).dropDatabase(instance.access, name));
    await this.record(caller, row, 'database_delete', { database: name });
  }

  private async open(caller: Caller, id: string): Promise<{ row: DatabaseRow; instance: Instance }> {
    const row = await requireDatabase(this.db, caller, id);
    requireRunning(row);
    return { row, instance: this.containers.instanceOf(row) };
  }

  private async list(instance: Instance): Promise<{ users: string[]; databases: string[] }> {
    const tenants = tenantsOf(instance.engine);
    return tenants.parse((await this.insist(instance, tenants.list(instance.access))).stdout);
  }

  private async insist(instance: Instance, command: EngineCommand): Promise<Told> {
    const told = await this.tell(instance, command, TOOL_MS);
    if (told.exitCode !== 0)
      throw new Conflict('engine_refused', `The engine refused: ${firstLine(told.stderr || told.stdout)}`);
    return told;
  }

  private async tell({ name }: Instance, command: EngineCommand, withinMs: number): Promise<Told> {
    const signal = AbortSignal.timeout(withinMs);
    const handle = await this.containers.find(name);
    if (handle?.state !== 'running')
      throw new Conflict('database_not_running', 'The engine does not run at the moment: it is being started again.');
    try {
      return await this.containers.tell(handle, command, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new Invalid('query_timeout', `The engine did not answer within ${Math.round(withinMs / 1000)} seconds.`);
    }
  }

  private async record(caller: Caller, row: DatabaseRow, action: string, after: object): Promise<void> {
    const { id, projectId } = row;
    await this.db.$transaction((tx) =>
      recordAudit(tx, caller, { resource: 'database', resourceId: id, action, projectId, after }),
    );
  }
}

function tenantsOf(engine: Engine): Tenants {
  if (engine.tenants) return engine.tenants;
  throw new Invalid('tenants_unsupported', `${engine.name} has no users and databases of its own here.`);
}
