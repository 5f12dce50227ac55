/** Who may use this installation: registration, sign-in and profiles. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { LoginRequest, LoginResponse, RegisterRequest, UpdateUserRequest, User } from '#contracts/accounts.js';
import { Conflict, Forbidden, Unauthenticated } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService, type Tx, uniqueViolation } from '#platform/prisma/prisma.service.js';
import { lockRegistration, registrationState } from './accounts.queries.js';
import { userView } from './accounts.view.js';
import { LoginThrottle } from './login-throttle.js';
import { Passwords } from './passwords.js';
import { Sessions } from './sessions.js';

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
  async register(request: RegisterRequest): Promise<User> {
    // Before the hash: a closed door costs nothing.
    await requireOpen(this.db);
    const passwordHash = await this.passwords.hash(request.password);
    const { email, name } = request;
    const create = async (tx: Tx) => {
      await lockRegistration(tx);
      const isAdmin = (await requireOpen(tx)).first;
      return tx.user.create({ data: { id: randomUUID(), email, name, passwordHash, isAdmin } });
    };
    return userView(await this.db.$transaction(create).catch(taken));
  }

  /** @throws TooMany `too_many_attempts`, Unauthenticated `invalid_credentials`: the same for unknown users and wrong passwords. */
  async login({ email, password }: LoginRequest, address: string): Promise<LoginResponse> {
    await this.throttle.enter(address, email);
    const user = await this.db.user.findUnique({ where: { email } });
    if (!(await this.passwords.verify(password, user?.passwordHash ?? null)) || !user) {
      await this.throttle.failed(email);
      throw new Unauthenticated('invalid_credentials', 'The e-mail address or the password is wrong.');
    }
    await this.throttle.succeeded(address, email);
    return { token: this.sessions.issue(user.id), user: userView(user) };
  }

  async profile(caller: Caller): Promise<User> {
    return userView(await this.db.user.findUniqueOrThrow({ where: { id: caller.userId } }));
  }

  /** @throws Conflict `email_taken`. */
  async updateProfile(caller: Caller, { name, email, avatar_url }: UpdateUserRequest): Promise<User> {
    const avatarUrl = avatar_url === undefined ? undefined : avatar_url || null;
    return userView(
      await this.db.user.update({ where: { id: caller.userId }, data: { name, email, avatarUrl } }).catch(taken),
    );
  }
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
