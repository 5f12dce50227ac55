// Prisma's schema engine in WASM on node-postgres, with what adapter-pg 7.10.1 gets wrong for migrations put right:
//   - it cannot read pg_catalog's "char" (oid 18): presented as text (oid 25);
//   - its executeScript splits on ';', which cuts $$ bodies and loses the implicit transaction: one simple query instead;
//   - its connectToShadowDb ignores the shadow database when it has a connection string, and would replay into the real one.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';

const OID_CHAR = 18;
const OID_TEXT = 25;

function presentCharAsText(result) {
  for (const one of [result].flat())
    for (const field of one?.fields ?? []) if (field.dataTypeID === OID_CHAR) field.dataTypeID = OID_TEXT;
  return result;
}

/** One connection, never idled out: the engine takes a session-level advisory lock on it. */
function makePool(url) {
  const pool = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 });
  const query = pool.query.bind(pool);
  pool.query = async (...args) => presentCharAsText(await query(...args));
  return pool;
}

function sendWholeScripts(adapter, pool) {
  adapter.executeScript = async (script) => {
    try {
      await pool.query(script);
    } catch (error) {
      adapter.onError(error);
    }
  };
  return adapter;
}

class MigrationAdapter extends PrismaPg {
  constructor(url) {
    const pool = makePool(url);
    super(pool);
    this.url = url;
    this.pool = pool;
  }

  async connect() {
    return sendWholeScripts(await super.connect(), this.pool);
  }

  async connectToShadowDb() {
    const name = `prisma_migrate_shadow_db_${randomUUID()}`;
    await this.pool.query(`CREATE DATABASE "${name}"`);
    const url = new URL(this.url);
    url.pathname = `/${name}`;
    const pool = makePool(url.href);
    const adapter = sendWholeScripts(await new PrismaPg(pool).connect(), pool);
    adapter.dispose = async () => {
      await pool.end();
      await this.pool.query(`DROP DATABASE IF EXISTS "${name}"`);
    };
    return adapter;
  }
}

/** Loads the WASM module by hand: its own loader imports .wasm files, which Node 20 cannot. */
async function loadWasm() {
  globalThis.PRISMA_WASM_PANIC_REGISTRY ??= {
    message: '',
    get() {
      return this.message;
    },
    set_message(text) {
      this.message = text;
    },
  };
  const dir = path.dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'));
  const glue = await import(path.join(dir, 'schema_engine_bg.js'));
  const module = new WebAssembly.Module(readFileSync(path.join(dir, 'schema_engine_bg.wasm')));
  const instance = new WebAssembly.Instance(module, { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return glue;
}

/**
 * @param {string} url PostgreSQL connection URL
 * @param {[string, string][]} datamodels path and text of every schema file; an empty list makes the engine panic
 */
export async function openEngine(url, datamodels) {
  const { SchemaEngine } = await loadWasm();
  const adapter = bindMigrationAwareSqlAdapterFactory(new MigrationAdapter(url));
  return await SchemaEngine.new({ datamodels }, () => {}, adapter);
}
