/** A template and the user's wishes -> the parts of a stack, every value chosen. Pure but for the generator that it is given. */
import type { DatabasePlanName } from '#contracts/databases.js';
import { type CreateServiceRequest, createServiceRequest } from '#contracts/services.js';
import type { TemplateVariable } from '#contracts/templates.js';
import { engineOf, requireVersion } from '#drivers/engines/index.js';
import { outputNames, referenceTo } from '#features/databases/index.js';
import { hostLabel, looksSecret, type ServiceIdentity } from '#features/services/index.js';
import {
  type DatabasePart,
  inOrder,
  isManaged,
  type ServicePart,
  type StackPart,
  valkeyPart,
} from '#features/stacks/index.js';
import { type Expression, ExpressionError, parseText } from './expressions.js';
import type { Generate } from './generators.js';
import type { FilePart, TemplateFile } from './template-file.js';

/** What a template's part is before its values are known. */
export type OpenPart = OpenService | OpenDatabase;

export interface OpenService {
  key: string;
  kind: 'service' | 'database';
  request: Omit<CreateServiceRequest, 'name'>;
  environment: Record<string, string>;
  outputs: Record<string, string>;
  after: string[];
}

export interface OpenDatabase {
  key: string;
  kind: 'database';
  database: Pick<DatabasePart['database'], 'type' | 'version'>;
  after: string[];
}

export interface Wishes {
  name: string;
  variables: Record<string, string>;
  /** Of managed databases. */
  plan: DatabasePlanName;
  region: string;
  generate: Generate;
  identityOf: (name: string) => ServiceIdentity;
  urlOf: (slug: string) => string;
}

/** A value and whether a reader may see it. */
interface Value {
  text: string;
  secret: boolean;
}

/** Parts in the order in which they start. @throws ExpressionError for unknown references and circles, with their names. */
export function openParts(file: TemplateFile): OpenPart[] {
  const parts = Object.entries(file.parts).map(([key, part]) => openPart(key, part));
  const keys = new Set(parts.map(({ key }) => key));
  for (const part of parts) {
    const unknown = part.after.find((key) => !keys.has(key));
    if (unknown) throw new ExpressionError(`part "${part.key}" depends on "${unknown}", which is not a part`);
  }
  return inOrder(parts, (circle) => {
    throw new ExpressionError(`the parts need each other in a circle: ${circle.join(' -> ')}`);
  });
}

function openPart(key: string, part: FilePart): OpenPart {
  if ('database' in part) {
    const { database: type, version } = part;
    if (!isManaged(type)) return { key, kind: 'database', ...valkeyPart(version), after: [] };
    return { key, kind: 'database', database: { type, version: requireVersion(engineOf(type), version) }, after: [] };
  }
  const { environment, depends_on, ...request } = part;
  return { key, kind: 'service', request, environment, outputs: {}, after: needs(key, environment, depends_on) };
}

/** A part starts after those it refers to. Public addresses are known before anything runs: they are no reason to wait. */
function needs(key: string, environment: Record<string, string>, declared: string[]): string[] {
  const referred = Object.values(environment)
    .flatMap(parseText)
    .flatMap((piece) => (typeof piece !== 'string' && piece.kind === 'reference' ? [piece] : []))
    .filter(({ part, key: what }) => part !== 'self' && part !== key && !PUBLIC.has(what))
    .map(({ part }) => part);
  return [...new Set([...declared, ...referred])];
}

const PUBLIC = new Set(['PUBLIC_URL', 'PUBLIC_HOST']);

/** Variables that have neither a value nor a default. */
export function missingVariables(file: TemplateFile, given: Record<string, string>): TemplateVariable[] {
  return file.variables.filter(({ key, required, default: usual }) => required && (given[key] ?? usual ?? '') === '');
}

/** @throws ExpressionError; zod's error when a part does not make a valid service. */
export function planTemplate(file: TemplateFile, wishes: Wishes): StackPart[] {
  const beyond = extraVariables(file, wishes.variables);
  const extra = Object.fromEntries(beyond.map((key) => [key, wishes.variables[key] as string]));
  const parts: NamedPart[] = openParts(file).map((part) => {
    const name = part.key === file.main ? wishes.name : partName(wishes.name, part.key);
    // What the user gives is a value, not an expression.
    return { ...part, name, identity: wishes.identityOf(name), literal: part.key === file.main ? extra : {} };
  });
  const resolver = new Resolver(file, wishes, parts);
  return parts.map((part) => ('database' in part ? databaseOf(part, wishes) : serviceOf(part, resolver)));
}

function serviceOf(part: NamedService, resolver: Resolver): ServicePart {
  const { key, kind, name, identity, after } = part;
  const request = createServiceRequest.parse({ ...part.request, name });
  return { key, kind, name, identity, request, variables: resolver.environment(part), after, deploy: hasCode(request) };
}

function databaseOf({ key, name, identity, database, after }: NamedDatabase, { plan, region }: Wishes): DatabasePart {
  return { key, kind: 'database', name, identity, database: { ...database, plan, region }, after };
}

/** Names beyond those that the template declares: variables of the main part. A managed database has none. */
export function extraVariables(file: TemplateFile, given: Record<string, string>): string[] {
  const declared = new Set(file.variables.map(({ key }) => key));
  return Object.keys(given).filter((key) => !declared.has(key));
}

export function mainIsDatabase({ main, parts }: TemplateFile): boolean {
  const part = parts[main];
  return part !== undefined && 'database' in part && isManaged(part.database);
}

/** Without an image or a repository the code is still to be pushed. */
function hasCode({ source }: OpenService['request']): boolean {
  return Boolean(source?.image || source?.repository);
}

/** "My blog" + "db" -> "my-blog-db", with the part's key whole however long the name is: host names end after 40 characters. */
export function partName(name: string, key: string): string {
  return `${hostLabel(name)
    .slice(0, 39 - key.length)
    .replace(/-+$/, '')}-${key}`;
}

type Named = { name: string; identity: ServiceIdentity; literal: Record<string, string> };
type NamedService = OpenService & Named;
type NamedDatabase = OpenDatabase & Named;
type NamedPart = NamedService | NamedDatabase;

class Resolver {
  private readonly known = new Map<string, Value>();
  private readonly open: string[] = [];

  constructor(
    private readonly file: TemplateFile,
    private readonly wishes: Wishes,
    private readonly parts: NamedPart[],
  ) {}

  environment(part: NamedService): ServicePart['variables'] {
    const keys = [...new Set([...Object.keys(part.environment), ...Object.keys(part.literal)])];
    return Object.fromEntries(
      keys.map((key) => {
        const { text, secret } = this.own(part, key) as Value;
        return [key, { value: text, secret }];
      }),
    );
  }

  /** Once per key: what is generated is the same for everybody who refers to it. */
  private once(key: string, make: () => Value): Value {
    const known = this.known.get(key);
    if (known) return known;
    if (this.open.includes(key))
      throw new ExpressionError(`values need each other in a circle: ${[...this.open, key].join(' -> ')}`);
    this.open.push(key);
    const value = make();
    this.open.pop();
    this.known.set(key, value);
    return value;
  }

  /** Outputs (a database's URL with its password), facts, own variables: a variable PUBLIC_URL may be made of the fact of that name. */
  private reference(from: NamedService, key: string, what: string): Value {
    const part = key === 'self' ? from : this.parts.find((candidate) => candidate.key === key);
    if (!part) throw new ExpressionError(`\${{${key}.${what}}} names a part that does not exist`);
    if ('database' in part) return managed(part, what);
    const output = part.outputs[what];
    if (output !== undefined) return this.text(part, output);
    const fact = this.fact(part, what);
    const value = fact === null ? this.own(part, what) : { text: fact, secret: false };
    if (!value) throw new ExpressionError(`\${{${key}.${what}}} is neither an output nor a variable of the part`);
    return value;
  }

  /** An environment variable of the part itself; null when it has none of that name. */
  private own(part: NamedService, key: string): Value | null {
    const literal = part.literal[key];
    if (literal !== undefined) return { text: literal, secret: looksSecret(key) };
    const expression = part.environment[key];
    return expression === undefined ? null : this.once(`${part.key}.${key}`, () => this.text(part, expression));
  }

  private fact({ identity, request }: NamedService, what: string): string | null {
    const web = request.type === 'web';
    if (what === 'HOST') return identity.alias;
    if (what === 'PORT') return request.port ? String(request.port) : null;
    if (what === 'URL') return request.port ? `http://${identity.alias}:${request.port}` : null;
    if (what === 'PUBLIC_URL') return web ? this.wishes.urlOf(identity.slug) : null;
    if (what === 'PUBLIC_HOST') return web ? new URL(this.wishes.urlOf(identity.slug)).host : null;
    return null;
  }

  private text(part: NamedService, text: string): Value {
    const values = parseText(text).map((piece) =>
      typeof piece === 'string' ? { text: piece, secret: false } : this.value(part, piece),
    );
    return { text: values.map((value) => value.text).join(''), secret: values.some(({ secret }) => secret) };
  }

  private value(part: NamedService, expression: Expression): Value {
    switch (expression.kind) {
      case 'generator': {
        const { name, size } = expression;
        return { text: this.wishes.generate(name, size), secret: name !== 'uuid' };
      }
      case 'builtin':
        return { text: this.builtin(part, expression.name), secret: false };
      case 'variable':
        return this.once(expression.key, () => this.variable(part, expression.key));
      case 'reference':
        return this.reference(part, expression.part, expression.key);
    }
  }

  private builtin(part: NamedService, name: 'port' | 'name'): string {
    if (name === 'name') return this.wishes.name;
    if (!part.request.port) throw new ExpressionError(`\${{port}} is used by part "${part.key}", which has no port`);
    return String(part.request.port);
  }

  private variable(part: NamedService, key: string): Value {
    const declared = this.file.variables.find((variable) => variable.key === key);
    if (!declared) throw new ExpressionError(`\${{${key}}} is not a variable of the template`);
    const given = this.wishes.variables[key];
    const value = given === undefined ? this.text(part, declared.default ?? '') : { text: given, secret: false };
    return { ...value, secret: value.secret || declared.secret };
  }
}

/** Stays a reference, resolved with each deployment: the password may change, and is nowhere but in the database's row. */
function managed({ key, identity, database }: NamedDatabase, what: string): Value {
  if (!outputNames(database.type).includes(what))
    throw new ExpressionError(`\${{${key}.${what}}} is not an output of a ${database.type} database`);
  return { text: referenceTo(identity.alias, what), secret: false };
}
