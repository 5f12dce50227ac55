import { Module } from '@nestjs/common';
import { StacksModule } from '#features/stacks/index.js';
import { ComposeController } from './compose.controller.js';
import { ComposeService } from './compose.service.js';

@Module({ imports: [StacksModule], controllers: [ComposeController], providers: [ComposeService] })
export class ComposeApiModule {}
