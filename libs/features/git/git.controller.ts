/** The address that `git clone` and `git push` use. Git asks for a password: it is the user's token, with any user name. */
import { Readable } from 'node:stream';
import { All, Controller, Inject, Req, Res } from '@nestjs/common';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SourceStore } from '#drivers/source/port.js';
import { SOURCE } from '#drivers/tokens.js';
import { Sessions } from '#features/accounts/index.js';
import { hasBuiltInRemote, requireService } from '#features/services/index.js';
import { NotFound, Unauthenticated } from '#platform/errors.js';
import { type Caller, Operation } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { basicPassword, type GitAddress, parseAddress } from './git-address.js';
import { GitRemote } from './git-remote.js';
import { pushContext } from './push.service.js';

const REALM = 'Basic realm="Containr"';
const SIGN_IN = 'Sign in with any user name and your Containr token as the password.';
const NOT_FOUND = 'Repository not found, or you have no access to it.';

@Controller()
export class GitController {
  constructor(
    private readonly db: PrismaService,
    private readonly sessions: Sessions,
    @Inject(SOURCE) private readonly source: SourceStore,
    private readonly remote: GitRemote,
  ) {}

  @All('git/*')
  @ApiExcludeEndpoint()
  @Operation({
    summary: 'Built-in git remote',
    description: 'Signs in by itself, with Basic authentication.',
    tag: 'Git',
    returns: { status: 200 },
    public: true,
  })
  async serve(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.signIn(request);
    if (!caller) return refuse(reply.header('www-authenticate', REALM), 401, SIGN_IN);
    const address = parseAddress(request.raw.url ?? '');
    if (!address || !(await this.hasRemote(caller, address.serviceId))) return refuse(reply, 404, NOT_FOUND);
    await this.answer(request, reply, address, caller);
  }

  /** Null when the credentials are missing or not valid. */
  private async signIn(request: FastifyRequest): Promise<Caller | null> {
    const token = basicPassword(request.headers.authorization);
    if (!token) return null;
    try {
      const caller = await this.sessions.authenticate(token);
      return { ...caller, ip: request.ip, userAgent: request.headers['user-agent'] };
    } catch (error) {
      if (error instanceof Unauthenticated) return null;
      throw error;
    }
  }

  private async hasRemote(caller: Caller, serviceId: string): Promise<boolean> {
    try {
      const { source, type } = await requireService(this.db, caller, serviceId);
      return type !== 'database' && hasBuiltInRemote(source);
    } catch (error) {
      if (error instanceof NotFound) return false;
      throw error;
    }
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
    const answer = await backend.handle({ ...git, body, context: pushContext(caller, serviceId) }, goneSignal(reply));
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

/** Git shows plain text to its user. */
function refuse(reply: FastifyReply, status: number, message: string): void {
  reply.status(status).type('text/plain; charset=utf-8').send(`${message}\n`);
}
