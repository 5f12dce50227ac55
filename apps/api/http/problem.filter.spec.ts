import { BadRequestException, HttpException, InternalServerErrorException, NotFoundException } from '@nestjs/common';
import {
  Capacity,
  Conflict,
  Forbidden,
  Internal,
  Invalid,
  NotFound,
  TooMany,
  Unauthenticated,
  Unavailable,
} from '#platform/errors.js';
import { PayloadTooLarge } from '#platform/http/index.js';
import { answerTo } from './problem.filter.js';

const coded = (code: string, message = 'private words') => Object.assign(new Error(message), { code });

describe('answerTo', () => {
  it.each([
    [new Invalid('a', 'b'), 400],
    [new Unauthenticated('a', 'b'), 401],
    [new Forbidden('a', 'b'), 403],
    [new NotFound('a', 'b'), 404],
    [new Conflict('a', 'b'), 409],
    [new PayloadTooLarge(1024 * 1024), 413],
    [new TooMany('a', 'b'), 429],
    [new Internal('a', 'b'), 500],
    [new Unavailable('a', 'b'), 503],
    [new Capacity('a', 'b'), 507],
  ])('gives %s its status', (error, status) => {
    const answer = answerTo(error, 'r1');
    expect([answer.status, answer.body.code, answer.body.error]).toEqual([status, error.code, error.message]);
    expect('request_id' in answer.body.details).toBe(status >= 500);
  });

  it('says when to try again', () => {
    const answer = answerTo(new TooMany('a', 'b', { details: { retry_after_seconds: 7.2 } }), 'r1');
    expect(answer.headers).toEqual({ 'retry-after': '8' });
  });

  it.each([
    ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 'payload_too_large'],
    ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 415, 'unsupported_media_type'],
    ['FST_ERR_BAD_URL', 400, 'invalid_url'],
  ])('knows %s, wrapped by Nest or not', (name, status, code) => {
    for (const error of [coded(name), new HttpException('x', 400, { cause: coded(name) })]) {
      const answer = answerTo(error, 'r1');
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(answer.body.error).not.toContain('private');
    }
  });

  it.each([
    [new NotFoundException(), 404, 'route_not_found'],
    [new BadRequestException('x'), 400, 'invalid_request'],
    [new InternalServerErrorException('private words'), 500, 'internal'],
  ])("translates Nest's own %s", (error, status, code) => {
    const answer = answerTo(error, 'r1');
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(JSON.stringify(answer)).not.toContain('private');
  });

  it.each(['P1001', 'ECONNREFUSED', '57P01', '08006'])('answers 503 when PostgreSQL is away (%s)', (code) => {
    expect(answerTo(coded(code), 'r1')).toMatchObject({
      status: 503,
      body: { code: 'database_unavailable' },
      headers: { 'retry-after': '5' },
    });
  });

  it.each([
    new Error('private words'),
    'private words',
    null,
    undefined,
    { message: 'private words' },
  ])('tells nothing of %p', (error) => {
    const answer = answerTo(error, 'r1');
    expect(answer).toMatchObject({ status: 500, body: { code: 'internal', details: { request_id: 'r1' } } });
    expect(JSON.stringify(answer)).not.toContain('private');
  });
});
