/** Who may use this installation: registration, sign-in and profiles. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { LoginRequest, LoginResponse, RegisterRequest, UpdateUserRequest, User } from '#contracts/accounts.js';
import { type AuditEntry, recordAudit } from '#features/audit/index.js';
import { Conflict, Forbidden, Unauthenticated } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService, type Tx, uniqueViolation } from '#platform/prisma/prisma.service.js';
import { lockRegistration, registrationState } from './accounts.queries.js';
import { type UserRow, userView } from './accounts.view.js';
import { LoginThrottle } from './login-throttle.js';
import { Passwords } from './passwords.js';
import { Sessions } from './sessions.js';

/** Where a request of somebody who is not signed in yet came from. */
type Origin = Pick<Caller, 'ip' | 'userAgent'>;

@Injectable()
export class AccountsService {
  constructor(
    private readonly db: PrismaService,
    private readonly passwords: Passwords,
    private readonly sessions: Sessions,
    private readonly throttle: LoginThrottle,
  ) {}

  /**
   * The first user becomes the administrator.
   * @throws Forbidden `registration_closed`, Conflict `email_taken`.
   */
  async register(request: RegisterRequest, from: Origin = {}): Promise<User> {
    // Before the hash: a closed door costs nothing.
    await requireOpen(this.db);
    const passwordHash = await this.passwords.hash(request.password);
    const { email, name } = request;
    const create = async (tx: Tx) => {
      await lockRegistration(tx);
      const isAdmin = (await requireOpen(tx)).first;
      const user = await tx.user.create({ data: { id: randomUUID(), email, name, passwordHash, isAdmin } });
      await recordAudit(tx, { userId: user.id, isAdmin, ...from }, audited(user, 'create', { after: view(user) }));
      return user;
    };
    return userView(await this.db.$transaction(create).catch(taken));
  }

  /** @throws TooMany `too_many_attempts`, Unauthenticated `invalid_credentials`: the same for unknown users and wrong passwords. */
  async login({ email, password }: LoginRequest, from: Origin & { ip: string }): Promise<LoginResponse> {
    await this.throttle.enter(from.ip, email);
    const user = await this.db.user.findUnique({ where: { email } });
    if (!(await this.passwords.verify(password, user?.passwordHash ?? null)) || !user) {
      await this.throttle.failed(email);
      throw new Unauthenticated('invalid_credentials', 'The e-mail address or the password is wrong.');
    }
    await this.throttle.succeeded(from.ip, email);
    const caller = { userId: user.id, isAdmin: user.isAdmin, ...from };
    await this.db.$transaction((tx) => recordAudit(tx, caller, audited(user, 'login')));
    return { token: this.sessions.issue(user.id), user: userView(user) };
  }

  async profile(caller: Caller): Promise<User> {
    return userView(await this.db.user.findUniqueOrThrow({ where: { id: caller.userId } }));
  }

  /** @throws Conflict `email_taken`. */
  async updateProfile(caller: Caller, { name, email, avatar_url }: UpdateUserRequest): Promise<User> {
    const avatarUrl = avatar_url === undefined ? undefined : avatar_url || null;
    const where = { id: caller.userId };
    const change = async (tx: Tx) => {
      const before = await tx.user.findUniqueOrThrow({ where });
      const user = await tx.user.update({ where, data: { name, email, avatarUrl } });
      await recordAudit(tx, caller, audited(user, 'update', { before: view(before), after: view(user) }));
      return user;
    };
    return userView(await this.db.$transaction(change).catch(taken));
  }
}

function audited(user: { id: string }, action: string, change: Pick<AuditEntry, 'before' | 'after'> = {}): AuditEntry {
  return { resource: 'user', resourceId: user.id, action, ...change };
}

function view({ email, name, avatarUrl, isAdmin }: UserRow) {
  return { email, name, avatar_url: avatarUrl, is_admin: isAdmin };
}

/** Whoever comes first is always let in: an installation without users could not be opened again. */
async function requireOpen(tx: Tx): Promise<{ first: boolean }> {
  const { open, first } = await registrationState(tx);
  if (!open && !first)
    throw new Forbidden('registration_closed', 'Registration is closed: ask the administrator for an account.');
  return { first };
}

function taken(error: unknown): never {
  if (uniqueViolation(error) === null) throw error;
  throw new Conflict('email_taken', 'This e-mail address already has an account.', { cause: error });
}
