import { Module } from '@nestjs/common';
import { StacksService } from './stacks.service.js';

@Module({ providers: [StacksService], exports: [StacksService] })
export class StacksModule {}
