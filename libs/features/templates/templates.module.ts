import { Module } from '@nestjs/common';
import { StacksModule } from '#features/stacks/index.js';
import { TemplatesController } from './templates.controller.js';
import { TemplatesService } from './templates.service.js';

@Module({ imports: [StacksModule], controllers: [TemplatesController], providers: [TemplatesService] })
export class TemplatesApiModule {}
