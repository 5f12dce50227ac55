/** `GET /metrics` for Prometheus, and the hook that counts requests for it. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '#platform/config.js';
import { Unauthenticated } from '#platform/errors.js';
import { PlatformMetrics } from '../metrics/platform-metrics.js';
import { answerTo } from './problem.filter.js';

export function registerMetrics(app: NestFastifyApplication, config: Pick<Config, 'CONTAINR_METRICS_TOKEN'>): void {
  const instance = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const metrics = app.get(PlatformMetrics);
  instance.addHook('onResponse', (request, reply, done) => {
    metrics.http.answered(request.method, request.routeOptions.url, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
  instance.get('/metrics', async (request, reply) => {
    if (!mayRead(request, config.CONTAINR_METRICS_TOKEN)) {
      const { status, body } = answerTo(refusal(config.CONTAINR_METRICS_TOKEN), request.id);
      return reply.status(status).send(body);
    }
    return reply.type(metrics.contentType).send(await metrics.text());
  });
}

/** With a token: whoever has it. Without one: this machine, but not the users of a proxy that runs on it. */
function mayRead(request: FastifyRequest, token: string | undefined): boolean {
  if (token) return same(request.headers.authorization ?? '', `Bearer ${token}`);
  const forwarded = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'].some((name) => name in request.headers);
  return !forwarded && isLoopback(request.socket.remoteAddress ?? '');
}

function refusal(token: string | undefined): Unauthenticated {
  const message = token
    ? 'Send the header Authorization: Bearer <CONTAINR_METRICS_TOKEN>.'
    : 'Without CONTAINR_METRICS_TOKEN metrics are only told to this machine itself: set it, and send it as a bearer token.';
  return new Unauthenticated('metrics_token_required', message);
}

/** In a time that does not depend on where the texts differ. */
function same(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** BlockList compares an IPv4-mapped IPv6 address with the IPv4 rules. */
function isLoopback(address: string): boolean {
  return address !== '' && LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
