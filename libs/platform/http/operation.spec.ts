import 'reflect-metadata';
import { Controller, Get, Post } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import { AppError } from '../errors.js';
import { componentSchemas } from './json-schema.js';
import { Operation } from './operation.js';
import { describeOperations } from './operation-docs.js';
import { ValidBody, ValidParams, ValidQuery } from './valid.js';

const wheel = z.object({ size: z.int(), spare: z.boolean().default(false) }).meta({ id: 'TestWheel' });
const car = z
  .object({ id: z.uuid(), wheels: z.array(wheel), owner: z.string().nullable(), note: z.string().optional() })
  .meta({ id: 'TestCar' });
const newCar = z.object({ wheels: z.array(wheel).max(4), name: z.string().trim().min(1) }).meta({ id: 'TestNewCar' });
const ID = '5f0f3c3e-5a3c-4a8e-9d6f-0f6f6f6f6f6f';

@Controller('cars')
class Cars {
  seen: unknown;

  @Get(':id')
  @Operation({
    summary: 'Read',
    tag: 'Cars',
    params: z.object({ id: idOf('car') }),
    query: z.object({ limit: z.coerce.number().int().max(9).default(3).describe('How many.') }),
    returns: { status: 200, schema: car },
  })
  read(@ValidParams() params: object, @ValidQuery() query: object): unknown {
    this.seen = { params, query };
    return { id: ID, wheels: [{ size: 3, spare: true, secret: 'x' }], owner: null, password: 'x' };
  }

  @Post()
  @Operation({
    summary: 'Make',
    tag: 'Cars',
    body: newCar,
    returns: { status: 201, schema: car },
    errors: [409],
    public: true,
  })
  make(@ValidBody() body: object): unknown {
    this.seen = body;
    return {};
  }

  @Post('maybe')
  @Operation({ summary: 'Maybe', tag: 'Cars', body: newCar.optional(), returns: { status: 204 }, events: true })
  maybe(@ValidBody() body: object | undefined): void {
    this.seen = body ?? 'nothing';
  }
}

describe('@Operation', () => {
  let app: NestFastifyApplication;
  let failure: AppError | null = null;
  beforeAll(async () => {
    const module = await Test.createTestingModule({ controllers: [Cars] }).compile();
    app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
    app.useGlobalFilters({
      catch: (error: unknown, host) => {
        failure = error instanceof AppError ? error : null;
        host
          .switchToHttp()
          .getResponse()
          .status(failure?.status ?? 500)
          .send({});
      },
    });
    await app.init();
  });
  afterAll(() => app.close());
  beforeEach(() => {
    failure = null;
  });

  it('describes the operation with named schemas', () => {
    describeOperations();
    const document = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    const read = document.paths['/cars/{id}']?.get;
    expect(read?.parameters).toEqual([
      {
        name: 'id',
        in: 'path',
        required: true,
        description: 'Id of the car.',
        schema: { type: 'string', format: 'uuid' },
      },
      {
        name: 'limit',
        in: 'query',
        required: false,
        description: 'How many.',
        schema: { type: 'integer', maximum: 9, default: 3 },
      },
    ]);
    expect(read?.responses['200']).toMatchObject({
      content: { 'application/json': { schema: { $ref: '#/components/schemas/TestCar' } } },
    });
    expect(Object.keys(read?.responses ?? {})).toEqual(['200', '400', '401', '403', '404']);
    expect(read?.security).toEqual([{ bearerAuth: [] }]);
    const make = document.paths['/cars']?.post;
    expect(make?.requestBody).toEqual({
      required: true,
      content: { 'application/json': { schema: { $ref: '#/components/schemas/TestNewCar' } } },
    });
    expect([Object.keys(make?.responses ?? {}), make?.security]).toEqual([['201', '400', '409'], undefined]);
    const maybe = document.paths['/cars/maybe']?.post;
    expect(maybe?.requestBody).toMatchObject({ required: false });
    expect(Object.keys((maybe?.responses['204'] as { content: object }).content)).toEqual(['text/event-stream']);
  });

  it('names a schema twice when it reads differently as input than as output', () => {
    const schemas = componentSchemas();
    expect(schemas.TestCar).toMatchObject({
      required: ['id', 'wheels', 'owner'],
      properties: {
        wheels: { items: { $ref: '#/components/schemas/TestWheel' } },
        owner: { type: 'string', nullable: true },
      },
    });
    expect(schemas.TestWheel).toMatchObject({ required: ['size', 'spare'] });
    expect(schemas.TestWheelInput).toMatchObject({ required: ['size'] });
    expect(schemas.TestNewCar).toMatchObject({
      properties: { wheels: { items: { $ref: '#/components/schemas/TestWheelInput' } } },
    });
  });

  it('parses the path and the query, and drops what the answer does not declare', async () => {
    const answer = await app.inject(`/cars/${ID}?limit=5`);
    expect(app.get(Cars).seen).toEqual({ params: { id: ID }, query: { limit: 5 } });
    expect(answer.json()).toEqual({ id: ID, wheels: [{ size: 3, spare: true }], owner: null });
  });

  it('treats an impossible id like an unknown one', async () => {
    expect((await app.inject('/cars/5')).statusCode).toBe(404);
    expect(failure?.code).toBe('car_not_found');
  });

  it('names the first problem and lists all', async () => {
    await app.inject({ method: 'POST', url: '/cars', payload: { wheels: [{ size: 'x' }, {}], extra: 1 } });
    expect(failure).toMatchObject({
      status: 400,
      code: 'validation_failed',
      message: 'wheels.0.size must be a number',
      details: {
        issues: [
          { path: 'wheels.0.size', message: 'must be a number' },
          { path: 'wheels.1.size', message: 'is required' },
          { path: 'name', message: 'is required' },
        ],
      },
    });
    await app.inject({ method: 'POST', url: '/cars' });
    expect(failure?.message).toBe('the body is required');
  });

  it('ignores unknown fields of a body', async () => {
    await app.inject({ method: 'POST', url: '/cars', payload: { wheels: [{ size: 1, x: 1 }], name: ' a ', y: 2 } });
    expect(app.get(Cars).seen).toEqual({ wheels: [{ size: 1, spare: false }], name: 'a' });
  });

  it('lets an optional body be missing', async () => {
    expect((await app.inject({ method: 'POST', url: '/cars/maybe' })).statusCode).toBe(204);
    expect(app.get(Cars).seen).toBe('nothing');
    await app.inject({ method: 'POST', url: '/cars/maybe', payload: { name: '' } });
    expect(failure?.status).toBe(400);
  });
});
