/**
 * `Idempotency-Key` on every POST of a signed-in user: the same key with the same request is answered as the first time.
 *
 * Only successes are kept. What fails has changed nothing, so its key is free again. What is carried out says so in its own transaction
 * (recordAudit calls confirmIdempotency): a process that dies before the answer is stored leads to `idempotency_answer_lost`, never to
 * doing it twice.
 */
import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { Conflict, Invalid } from '#platform/errors.js';
import {
  callerOf,
  claimKey,
  freeKey,
  type IdempotencyClaim,
  inProgress,
  keepAnswer,
  operationOf,
  type StoredAnswer,
  setCaller,
} from '#platform/http/index.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { rawBody } from './body-parsers.js';

/** One line of printable ASCII: a UUID or a name of the client's own. */
const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
const TRIES = 3;

@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    const operation = operationOf(context.getHandler());
    if (key === undefined || request.method !== 'POST' || !operation || operation.public || operation.events)
      return next.handle();
    const work = () => lastValueFrom(next.handle(), { defaultValue: undefined });
    return from(this.answer(request, http.getResponse(), requireKey(key), operation.returns.status, work));
  }

  private async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    key: string,
    status: number,
    work: () => Promise<unknown>,
  ): Promise<unknown> {
    const caller = callerOf(request);
    const claimed = await this.claim(caller.userId, key, this.fingerprint(request));
    if ('stored' in claimed) return this.replay(caller.userId, key, claimed.stored, reply);
    const { claim } = claimed;
    setCaller(request, { ...caller, idempotency: claim });
    const answer = await work().catch((error) => this.giveUp(caller.userId, claim, error));
    await this.keep(caller.userId, claim, status, answer);
    return answer;
  }

  /** The claim, or an answer to the same request. @throws Conflict `idempotency_key_reused`, `idempotency_in_progress`. */
  private async claim(
    userId: string,
    key: string,
    hash: string,
  ): Promise<{ claim: IdempotencyClaim } | { stored: StoredAnswer }> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const found = await claimKey(this.db, userId, key, hash);
      if (!found) continue;
      if ('claim' in found) return found as { claim: IdempotencyClaim };
      requireAnswered(found.stored, hash);
      return found;
    }
    throw inProgress(1);
  }

  private replay(userId: string, key: string, stored: StoredAnswer, reply: FastifyReply): unknown {
    reply.header('idempotent-replayed', 'true');
    const text = this.box.open(stored.response_body ?? '', aad(userId, key));
    return text === '' ? undefined : JSON.parse(text);
  }

  /** The request is carried out either way: a failure here costs the replay, not the answer. */
  private async keep(userId: string, claim: IdempotencyClaim, status: number, answer: unknown): Promise<void> {
    const sealed = this.box.seal(answer === undefined ? '' : JSON.stringify(answer), aad(userId, claim.key));
    await keepAnswer(this.db, userId, claim, status, sealed).catch((err) =>
      this.log.warn({ err }, 'The answer to a request with an Idempotency-Key could not be stored'),
    );
  }

  private async giveUp(userId: string, claim: IdempotencyClaim, error: unknown): Promise<never> {
    await freeKey(this.db, userId, claim).catch((err) =>
      this.log.warn({ err }, 'An Idempotency-Key stays taken until its claim runs out'),
    );
    throw error;
  }

  /** Of the bytes as they came. Keyed, because bodies hold passwords. */
  private fingerprint(request: FastifyRequest): string {
    const head = JSON.stringify([request.method, request.url]);
    return this.box.fingerprint('idempotency', [Buffer.from(head), rawBody(request)]);
  }
}

/** @throws Invalid `invalid_idempotency_key`. */
function requireKey(key: string | string[]): string {
  if (typeof key === 'string' && KEY.test(key)) return key;
  throw new Invalid(
    'invalid_idempotency_key',
    'Idempotency-Key must be 1 to 255 printable ASCII characters, for example a UUID.',
  );
}

function requireAnswered(stored: StoredAnswer, hash: string): void {
  if (stored.request_hash !== hash)
    throw new Conflict(
      'idempotency_key_reused',
      'This Idempotency-Key was used for another request: use a new key for a new request.',
    );
  if (stored.response_status) return;
  if (stored.left > 0) throw inProgress(stored.left);
  if (stored.response_status === 0)
    throw new Conflict(
      'idempotency_answer_lost',
      'This request was carried out, but its answer was lost: read the resource named in details.',
      { details: JSON.parse(stored.response_body ?? '{}') },
    );
  throw inProgress(1);
}

/** Binds a stored answer to its key. */
function aad(userId: string, key: string): string {
  return `idempotency:${userId}:${key}`;
}
