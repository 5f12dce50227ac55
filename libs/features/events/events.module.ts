import { Module } from '@nestjs/common';
import { EventDispatcher } from './events.dispatcher.js';

/** Recording needs no module: see recordEvent. */
@Module({ providers: [EventDispatcher], exports: [EventDispatcher] })
export class EventsWorkerModule {}
