/**
 * Guessing passwords is slow: per address and per account. Counted in Redis, so that several API processes share the count; in memory
 * while Redis is away.
 */
import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { TooMany } from '#platform/errors.js';
import { REDIS, type Redis } from '#platform/redis.js';

const PER_ADDRESS = { keyPrefix: 'containr:login:ip', points: 30, duration: 60 };
const PER_ACCOUNT = { keyPrefix: 'containr:login:account', points: 10, duration: 15 * 60 };

@Injectable()
export class LoginThrottle {
  private readonly byAddress: RateLimiterRedis;
  private readonly byAccount: RateLimiterRedis;

  constructor(@Inject(REDIS) redis: Redis) {
    this.byAddress = limiter(redis, PER_ADDRESS);
    this.byAccount = limiter(redis, PER_ACCOUNT);
  }

  /** Call before the password is looked at. @throws TooMany `too_many_attempts` with the seconds to wait. */
  async enter(address: string, email: string): Promise<void> {
    await this.byAddress.consume(network(address)).catch(refuse);
    const failures = await this.byAccount.get(account(email));
    if (failures && failures.consumedPoints >= PER_ACCOUNT.points) refuse(failures);
  }

  async failed(email: string): Promise<void> {
    await this.byAccount.penalty(account(email));
  }

  /** People behind one address who know their passwords do not use up each other's attempts. */
  async succeeded(address: string, email: string): Promise<void> {
    await Promise.all([this.byAccount.delete(account(email)), this.byAddress.reward(network(address))]);
  }
}

function limiter(redis: Redis, limit: typeof PER_ADDRESS): RateLimiterRedis {
  return new RateLimiterRedis({
    ...limit,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(limit),
  });
}

function refuse(result: unknown): never {
  if (!(result instanceof RateLimiterRes)) throw result;
  const seconds = Math.max(1, Math.ceil(result.msBeforeNext / 1000));
  throw new TooMany('too_many_attempts', `Too many attempts. Try again in ${seconds} seconds.`, {
    details: { retry_after_seconds: seconds },
  });
}

/** One IPv6 customer has at least a /64 (RFC 6177), so that is what counts as one address. */
export function network(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString();
}

/** Hashed: a list of who has tried to sign in need not lie in Redis. */
function account(email: string): string {
  return createHash('sha256').update(email).digest('base64url');
}
