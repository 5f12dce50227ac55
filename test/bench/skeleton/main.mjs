// The floor of the API rows: the same framework, token check and database client with nothing of the product. Needs `npm run build`.
import 'reflect-metadata';
import { createSecretKey } from 'node:crypto';
import { Controller, Get, Inject, Module, Param, UnauthorizedException, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JwtService } from '@nestjs/jwt';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { PrismaService } from '#platform/prisma/prisma.service.js';

const jwt = new JwtService({ secret: createSecretKey(process.env.CONTAINR_JWT_KEY, 'utf8') });
const db = new PrismaService({ DATABASE_URL: process.env.DATABASE_URL });

/** Plain JavaScript has no decorators; this is what they are made into. */
function decorate(type, method, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method);
  for (const decorator of decorators) decorator(type.prototype, method, descriptor);
}

class Guard {
  canActivate(context) {
    try {
      jwt.verify(context.switchToHttp().getRequest().headers.authorization.slice('Bearer '.length));
      return true;
    } catch {
      throw new UnauthorizedException();
    }
  }
}

class Routes {
  constructor(prisma) {
    this.db = prisma;
  }
  project(id) {
    return this.db.project.findUnique({ where: { id } });
  }
  service(id) {
    return this.db.service.findUnique({ where: { id } });
  }
  services(projectId) {
    return this.db.service.findMany({ where: { projectId } });
  }
}
decorate(Routes, 'project', Get('projects/:id'));
decorate(Routes, 'service', Get('services/:id'));
decorate(Routes, 'services', Get('projects/:id/services'));
for (const method of ['project', 'service', 'services']) Param('id')(Routes.prototype, method, 0);
Inject(PrismaService)(Routes, undefined, 0);
UseGuards(Guard)(Routes);
Controller('api/v1')(Routes);

class App {}
Module({ controllers: [Routes], providers: [{ provide: PrismaService, useValue: db }] })(App);

const app = await NestFactory.create(App, new FastifyAdapter(), { logger: false });
await app.listen(0, '127.0.0.1');
process.send({ port: app.getHttpServer().address().port });
process.once('disconnect', () => process.exit());
