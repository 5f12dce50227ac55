/** Which methods an address answers, to tell "wrong method" (405) from "nothing there" (404). Only consulted after the router found nothing. */
import { Injectable } from '@nestjs/common';
import type { FastifyInstance, RouteOptions } from 'fastify';

@Injectable()
export class RouteTable {
  private readonly routes: { pattern: RegExp; methods: string[] }[] = [];

  /** Call before the first route is registered. */
  watch(instance: FastifyInstance): void {
    instance.addHook('onRoute', ({ url, method }: RouteOptions) => {
      // A wildcard matches everything below it: "wrong method" would then be a guess.
      if (!url.includes('*')) this.routes.push({ pattern: patternOf(url), methods: [method].flat() });
    });
  }

  methodsAt(path: string): string[] {
    const matching = this.routes.filter(({ pattern }) => pattern.test(path));
    return [...new Set(matching.flatMap(({ methods }) => methods))].sort();
  }
}

function patternOf(url: string): RegExp {
  const parts = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}$`);
}
