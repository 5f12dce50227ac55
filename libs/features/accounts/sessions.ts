/**
 * Session tokens: JSON web tokens, HS256. The key is a KeyObject: with a string jsonwebtoken derives one for every call, which costs 36x
 * as much (measured: 376 against 10 us).
 */
import { createSecretKey } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { idOf } from '#contracts/common.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Unauthenticated } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { KnownUsers } from './known-users.js';

const userId = idOf('user');
const ISSUER = 'containr';
const AUDIENCE = 'containr-api';
const ALGORITHM = 'HS256';

@Injectable()
export class Sessions {
  private readonly jwt: JwtService;

  constructor(
    @Inject(CONFIG) config: Pick<Config, 'CONTAINR_JWT_KEY' | 'CONTAINR_SESSION_HOURS'>,
    private readonly users: KnownUsers,
  ) {
    this.jwt = new JwtService({
      secret: createSecretKey(config.CONTAINR_JWT_KEY, 'utf8'),
      signOptions: {
        algorithm: ALGORITHM,
        issuer: ISSUER,
        audience: AUDIENCE,
        expiresIn: Math.round(config.CONTAINR_SESSION_HOURS * 3600),
      },
      verifyOptions: { algorithms: [ALGORITHM], issuer: ISSUER, audience: AUDIENCE },
    });
  }

  /** @returns a token with sub, iat, exp, iss, aud. */
  issue(userId: string): string {
    return this.jwt.sign({ sub: userId });
  }

  /** @throws Unauthenticated `unauthenticated`: forged, expired, not ours, or its user is gone. */
  async authenticate(token: string): Promise<Caller> {
    const caller = await this.users.find(this.subjectOf(token));
    if (!caller) throw refusal();
    return caller;
  }

  private subjectOf(token: string): string {
    try {
      const { sub } = this.jwt.verify<{ sub?: unknown }>(token);
      if (userId.safeParse(sub).success) return sub as string;
    } catch (cause) {
      throw refusal(cause);
    }
    throw refusal();
  }
}

function refusal(cause?: unknown): Unauthenticated {
  return new Unauthenticated('unauthenticated', 'The token is not valid or has expired: sign in again.', { cause });
}
