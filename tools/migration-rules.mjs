// Which SQL a migration may hold so that the version before it goes on working beside it. Pure; tools/check-migrations.mjs reads the files.
// Not a parser of SQL: statements are split as PostgreSQL would, and only known harmless forms pass. Whatever is not known is refused.

const ADVICE = {
  drop: 'The version before still reads it. First release a version that does not use it; drop it one version later with "-- contract: unused since X.Y.Z, <why>" above the statement.',
  rename:
    'The version before knows only the old name. Add the new column or table, write both, copy, read the new one, and drop the old one a version later.',
  required:
    'The version before inserts rows without it. Add it with a DEFAULT or nullable; SET NOT NULL a version later with "-- contract: unused since X.Y.Z, <why>", meaning the way of writing that left it out.',
  type: 'The version before reads and writes the old type, and the table is rewritten under a lock. Add a new column beside it.',
  constraint:
    'Rows that the version before writes may violate it. Add it NOT VALID once every version in use keeps the rule, and VALIDATE it in a later migration.',
  unique:
    'The version before may write duplicates. Let a version that writes none run first, then add it with "-- contract: unused since X.Y.Z, <why>", meaning the way of writing that made them.',
  unknown:
    'This form is not known to be harmless to the version before. Use a known one, or add a rule with its test to tools/migration-rules.mjs.',
};

/** Splits at semicolons outside of strings, quoted names, dollar quotes and comments. @returns {{ sql: string, comments: string[] }[]} */
export function splitStatements(text) {
  const token = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1|;|[^;'"$/-]+|[\s\S]/g;
  const statements = [];
  let current = { sql: '', comments: [] };
  for (const [piece] of text.matchAll(token)) {
    if (piece.startsWith('--') || piece.startsWith('/*')) current.comments.push(piece);
    else if (piece === ';') {
      if (current.sql.trim()) statements.push(current);
      current = { sql: '', comments: [] };
    } else current.sql += piece;
  }
  if (current.sql.trim()) statements.push(current);
  return statements.map(({ sql, comments }) => ({ sql: sql.replace(/\s+/g, ' ').trim(), comments }));
}

const NAME = '(?:"?[\\w]+"?\\.)?"?(\\w+)"?';
const bare = (text) => text.replace(/'(?:[^']|'')*'/g, "''");

/** Splits `ADD COLUMN a numeric(1,2), ADD COLUMN b int` at its top level. */
function splitActions(text) {
  const actions = [''];
  let depth = 0;
  for (const character of text) {
    depth += character === '(' ? 1 : character === ')' ? -1 : 0;
    if (character === ',' && depth === 0) actions.push('');
    else actions[actions.length - 1] += character;
  }
  return actions.map((action) => action.trim());
}

/** What is wrong with one action of ALTER TABLE on a table that was there before; null = nothing. */
function actionProblem(action) {
  if (/^RENAME\b/i.test(action)) return 'rename';
  if (/^DROP (CONSTRAINT|DEFAULT)\b/i.test(action)) return null;
  if (/^DROP\b/i.test(action)) return 'drop';
  if (/^ADD (CONSTRAINT|UNIQUE|PRIMARY|CHECK|FOREIGN|EXCLUDE)\b/i.test(action)) return constraintProblem(action);
  if (/^ADD\b/i.test(action)) return columnProblem(action);
  if (/^ALTER (COLUMN )?\S+ (SET DATA )?TYPE\b/i.test(action)) return 'type';
  if (/^ALTER (COLUMN )?\S+ SET NOT NULL$/i.test(action)) return 'required';
  if (/^ALTER (COLUMN )?\S+ (DROP NOT NULL|SET DEFAULT .+)$/i.test(action)) return null;
  // Without its default an insert of the version before that leaves the column out fails, when it is NOT NULL.
  if (/^ALTER (COLUMN )?\S+ DROP DEFAULT$/i.test(action)) return 'required';
  if (/^(VALIDATE CONSTRAINT|ATTACH PARTITION|SET \(|CLUSTER|ENABLE|DISABLE)/i.test(action)) return null;
  return 'unknown';
}

const constraintProblem = (action) => {
  if (/\b(UNIQUE|PRIMARY KEY|EXCLUDE)\b/i.test(action)) return 'unique';
  return /\bNOT VALID$/i.test(action) ? null : 'constraint';
};

function columnProblem(action) {
  if (/\b(UNIQUE|PRIMARY KEY)\b/i.test(action)) return 'unique';
  if (/\bGENERATED\b|\b(BIG|SMALL)?SERIAL\b/i.test(action)) return null;
  if (/\b(REFERENCES|CHECK)\b/i.test(action) && /\bDEFAULT\b/i.test(action)) return 'constraint';
  return /\bNOT NULL\b/i.test(action) && !/\bDEFAULT\b/i.test(action) ? 'required' : null;
}

const HARMLESS =
  /^(COMMENT ON|CREATE (OR REPLACE )?(FUNCTION|VIEW)|CREATE (TYPE|SEQUENCE|EXTENSION|TABLE)|INSERT INTO|UPDATE|DELETE FROM|SET |SELECT |ALTER TYPE \S+ ADD VALUE|DROP INDEX|WITH )/i;

/** @param {string} sql one statement @param {Set<string>} fresh tables made by this migration @returns {keyof ADVICE | null} */
function problemOf(sql, fresh) {
  const table = new RegExp(`^ALTER TABLE (?:IF EXISTS )?(?:ONLY )?${NAME} (.*)$`, 'i').exec(sql);
  if (table) return fresh.has(table[1]) ? null : (splitActions(table[2]).map(actionProblem).find(Boolean) ?? null);
  const index = new RegExp(`^CREATE (UNIQUE )?INDEX .*?\\bON (?:ONLY )?${NAME}`, 'i').exec(sql);
  if (index) return index[1] && !fresh.has(index[2]) ? 'unique' : null;
  if (/^DROP INDEX/i.test(sql)) return null;
  if (/^DROP\b|^TRUNCATE\b/i.test(sql)) return 'drop';
  if (/^ALTER \w+ \S+ RENAME\b/i.test(sql)) return 'rename';
  return HARMLESS.test(sql) ? null : 'unknown';
}

/** `0.10.2` and `0.9.0` as numbers. */
const older = (a, b) => {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  const at = [0, 1, 2].find((index) => left[index] !== right[index]);
  return at !== undefined && left[at] < right[at];
};

/** The excuse above a statement: only for what no version since an earlier one uses. */
function isContract(comments, version) {
  const since = comments
    .map((line) => /^--\s*contract:\s*unused since (\d+\.\d+\.\d+),\s*\S+/.exec(line)?.[1])
    .find(Boolean);
  return since !== undefined && older(since, version);
}

/**
 * @param {string} text of a migration.sql
 * @param {string} version of the product that will carry it
 * @returns {{ sql: string, advice: string }[]} what the version before could not live with
 */
export function incompatibilities(text, version) {
  const statements = splitStatements(text);
  const created = statements.map(
    ({ sql }) => new RegExp(`^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?${NAME}`, 'i').exec(sql)?.[1],
  );
  const fresh = new Set(created.filter(Boolean));
  const found = [];
  for (const { sql, comments } of statements) {
    const problem = problemOf(bare(sql), fresh);
    if (problem && !isContract(comments, version)) found.push({ sql, advice: ADVICE[problem] });
  }
  return found;
}
