/** The address that `git clone` and `git push` use. Git asks for a password: it is the user's token, with any user name. */
import { Readable } from 'node:stream';
import { All, Controller, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SourceStore } from '#drivers/source/port.js';
import { SOURCE } from '#drivers/tokens.js';
import { hasBuiltInRemote, requireService } from '#features/services/index.js';
import { Authenticator } from '#features/tokens/index.js';
import { AppError, Forbidden, NotFound, Unauthenticated } from '#platform/errors.js';
import { type Caller, Operation } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { basicPassword, type GitAddress, isPush, parseAddress } from './git-address.js';
import { GitRemote } from './git-remote.js';
import { pushContext } from './push.service.js';

const REALM = 'Basic realm="Containr"';
const SIGN_IN = 'Sign in with any user name and your Containr token as the password.';
const NOT_FOUND = 'Repository not found, or you have no access to it.';

@Controller()
export class GitController {
  constructor(
    private readonly db: PrismaService,
    private readonly authenticator: Authenticator,
    @Inject(SOURCE) private readonly source: SourceStore,
    private readonly remote: GitRemote,
  ) {}

  @All('git/*')
  @Operation({
    summary: 'Built-in git remote',
    description: 'Signs in by itself, with Basic authentication.',
    tag: 'Git',
    returns: { status: 200 },
    public: true,
    undocumented: true,
  })
  async serve(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    try {
      const address = parseAddress(request.raw.url ?? '');
      const caller = await this.signIn(request, address);
      if (!address || !(await this.hasRemote(caller, address.serviceId))) throw new NotFound('', NOT_FOUND);
      await this.answer(request, reply, address, caller);
    } catch (error) {
      refuse(reply, error);
    }
  }

  /** What nobody could find needs no more than reading. @throws Unauthenticated, Forbidden `scope_missing`. */
  private signIn(request: FastifyRequest, address: GitAddress | null): Promise<Caller> {
    const password = basicPassword(request.headers.authorization);
    if (!password) throw new Unauthenticated('unauthenticated', SIGN_IN);
    const needs = address && isPush(address) ? 'deploy' : 'read';
    return this.authenticator.admit(request, password, { needs, about: 'project' });
  }

  private async hasRemote(caller: Caller, serviceId: string): Promise<boolean> {
    const { source, type } = await requireService(this.db, caller, serviceId);
    return type !== 'database' && hasBuiltInRemote(source);
  }

  private async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    address: GitAddress,
    caller: Caller,
  ): Promise<void> {
    const { serviceId, pathInfo, query } = address;
    const [backend, repositoryPath] = await Promise.all([
      this.remote.backend(),
      this.source.ensureRepository(serviceId),
    ]);
    const git = {
      repositoryPath,
      pathInfo,
      query,
      method: request.method,
      headers: request.headers,
      user: caller.userId,
    };
    const body = request.body instanceof Readable ? request.body : request.raw;
    const answer = await backend.handle(
      { ...git, body, context: pushContext(caller, serviceId, request.id) },
      goneSignal(reply),
    );
    await reply.status(answer.status).headers(answer.headers).send(answer.body);
  }
}

/** Aborts when the client has left before it got everything. */
function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => raw.writableFinished || gone.abort());
  if (raw.destroyed) gone.abort();
  return gone.signal;
}

/** Git shows plain text to its user. @throws every error that is no refusal. */
function refuse(reply: FastifyReply, error: unknown): void {
  const text = WORDS.find(([refusal]) => error instanceof refusal)?.[1];
  if (!(error instanceof AppError) || text === undefined) throw error;
  if (error instanceof Unauthenticated) reply.header('www-authenticate', REALM);
  reply
    .status(error.status)
    .type('text/plain; charset=utf-8')
    .send(`${text || error.message}\n`);
}

/** What is said instead of the error's own message; empty: the message itself. */
const WORDS = [
  [Unauthenticated, SIGN_IN],
  [NotFound, NOT_FOUND],
  [Forbidden, ''],
] as const;
