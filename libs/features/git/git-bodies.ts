/** Bodies of git's protocol stay unread streams: a pack may be gigabytes, and git itself inflates and checks it. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const GIT_BODY = /^application\/x-git-/;

/** What Fastify says of a type that it has no parser for. */
class UnsupportedMediaType extends Error {
  readonly code = 'FST_ERR_CTP_INVALID_MEDIA_TYPE';
  readonly statusCode = 415;
}

/** Parsers are per server, not per route: everywhere else the type stays refused. Without `parseAs` no body limit applies. */
export function registerGitBodies(instance: FastifyInstance): void {
  if (instance.hasContentTypeParser(GIT_BODY)) return;
  instance.addContentTypeParser(GIT_BODY, async (request: FastifyRequest, body: IncomingMessage) => {
    if (!request.url.startsWith('/git/')) throw new UnsupportedMediaType('Only the git remote takes this type.');
    return body;
  });
}
