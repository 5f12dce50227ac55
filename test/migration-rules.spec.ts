/** A migration that the version before could not live with is refused; every harmless form passes. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { incompatibilities, splitStatements } from '../tools/migration-rules.mjs';

const found = (sql: string, version = '0.3.0') => incompatibilities(sql, version) as { sql: string; advice: string }[];

it.each([
  ['DROP TABLE "services"', /does not use it/],
  ['DROP TABLE IF EXISTS a, b CASCADE', /does not use it/],
  ['TRUNCATE users', /does not use it/],
  ['ALTER TABLE "services" DROP COLUMN "alias"', /does not use it/],
  ['ALTER TABLE services DROP alias', /does not use it/],
  ['ALTER TABLE "services" RENAME COLUMN "a" TO "b"', /old name/],
  ['ALTER TABLE "services" RENAME TO "apps"', /old name/],
  ['ALTER TABLE "services" ADD COLUMN "a" TEXT NOT NULL', /without it/],
  ['ALTER TABLE "services" ADD COLUMN "a" TEXT, ADD COLUMN "b" NUMERIC(1,2) NOT NULL', /without it/],
  [`ALTER TABLE "services" ADD COLUMN "a" TEXT NOT NULL CHECK (a <> 'DEFAULT')`, /without it/],
  ['ALTER TABLE "services" ALTER COLUMN "a" SET NOT NULL', /without it/],
  ['ALTER TABLE "services" ALTER COLUMN "a" DROP DEFAULT', /without it/],
  ['ALTER TABLE "services" ALTER COLUMN "a" SET DATA TYPE BIGINT', /old type/],
  ['ALTER TABLE "services" ALTER "a" TYPE BIGINT USING a::bigint', /old type/],
  ['ALTER TABLE "services" ADD CONSTRAINT "c" CHECK (a > 0)', /NOT VALID/],
  ['ALTER TABLE "services" ADD CONSTRAINT "c" FOREIGN KEY ("a") REFERENCES "b"("id") ON DELETE CASCADE', /NOT VALID/],
  ['ALTER TABLE "services" ADD CONSTRAINT "c" UNIQUE ("a")', /duplicates/],
  ['CREATE UNIQUE INDEX "i" ON "services"("a") WHERE b IS NULL', /duplicates/],
  ['CREATE UNIQUE INDEX CONCURRENTLY i ON public.services USING btree (a)', /duplicates/],
  ['DROP TYPE mood', /does not use it/],
  ['DROP VIEW v', /does not use it/],
  ['REVOKE ALL ON services FROM PUBLIC', /not known to be harmless/],
  ['DO $$ BEGIN DROP TABLE services; END $$', /not known to be harmless/],
])('refuses %s', (sql, advice) => {
  expect(found(`SELECT 1; ${sql};`)).toEqual([{ sql, advice: expect.stringMatching(advice) }]);
});

it.each([
  'CREATE TABLE "x" ("id" UUID NOT NULL, CONSTRAINT "x_pkey" PRIMARY KEY ("id"))',
  'CREATE TABLE "x_default" PARTITION OF "x" DEFAULT',
  'ALTER TABLE "services" ADD COLUMN "a" TEXT',
  `ALTER TABLE "services" ADD COLUMN "a" TEXT NOT NULL DEFAULT 'x, y'`,
  'ALTER TABLE "services" ALTER COLUMN "a" DROP NOT NULL',
  'ALTER TABLE "services" ALTER COLUMN "a" SET DEFAULT 5',
  'ALTER TABLE "services" ADD CONSTRAINT "c" CHECK (a > 0) NOT VALID',
  'ALTER TABLE "services" VALIDATE CONSTRAINT "c"',
  'ALTER TABLE "services" DROP CONSTRAINT "c"',
  'CREATE INDEX "i" ON "services"("a" DESC)',
  'DROP INDEX "i"',
  `INSERT INTO "x" VALUES ('DROP TABLE services; --')`,
])('passes %s', (sql) => expect(found(sql)).toEqual([]));

it('lets a migration do what it likes with tables that it makes', () => {
  const sql = `CREATE TABLE "x" ("id" UUID);
    CREATE UNIQUE INDEX "x_key" ON "x"("id");
    ALTER TABLE "x" ADD CONSTRAINT "fk" FOREIGN KEY ("id") REFERENCES "services"("id");`;
  expect(found(sql)).toEqual([]);
});

it('lets the second half of expand and contract pass only for what an earlier version has left', () => {
  const drop = (comment: string) => `${comment}\nALTER TABLE services DROP COLUMN alias;`;
  expect(found(drop('-- contract: unused since 0.2.0, the slug is used instead'))).toEqual([]);
  for (const comment of [
    '',
    '-- contract: nobody needs it',
    '-- contract: unused since 0.3.0, it is gone now',
    '-- contract: unused since 0.2.0',
  ])
    expect(found(drop(comment))).toHaveLength(1);
  // Only for the statement that it stands above.
  expect(found(`${drop('-- contract: unused since 0.2.0, because')}\nDROP TABLE users;`)).toHaveLength(1);
  expect(found(drop('-- contract: unused since 0.9.0, because'), '0.10.0')).toEqual([]);
});

it('splits as PostgreSQL does', () => {
  const text = `-- a; b\nSELECT ';', "x;y"; /* ; */ CREATE FUNCTION f() AS $f$ BEGIN; END; $f$; SELECT 'it''s; ok' - 1`;
  expect(splitStatements(text).map(({ sql }: { sql: string }) => sql)).toEqual([
    `SELECT ';', "x;y"`,
    'CREATE FUNCTION f() AS $f$ BEGIN; END; $f$',
    "SELECT 'it''s; ok' - 1",
  ]);
});

it('fails the check with the sentence what to do, and leaves the first migration alone', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'containr-migrations-'));
  const write = (name: string, sql: string) => {
    mkdirSync(path.join(folder, name), { recursive: true });
    writeFileSync(path.join(folder, name, 'migration.sql'), sql);
  };
  const check = () =>
    execFileSync(process.execPath, ['tools/check-migrations.mjs', folder], {
      cwd: path.resolve(__dirname, '..'),
      stdio: 'pipe',
    });
  try {
    write('1_initial', 'DROP TABLE a;');
    write('2_fine', 'CREATE TABLE b (id int);');
    expect(String(check())).toContain('1 migrations leave');
    write('3_wrong', 'ALTER TABLE b DROP COLUMN id;');
    expect(check).toThrow(/3_wrong: ALTER TABLE b DROP COLUMN id\n {2}The version before still reads it/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
