import { Global, Module } from '@nestjs/common';
import { ServicesController } from './services.controller.js';
import { ServicesService } from './services.service.js';
import { VariablesService } from './variables.service.js';
import { VolumesService } from './volumes.service.js';

// Global: several features make services of its parts.
@Global()
@Module({
  controllers: [ServicesController],
  providers: [ServicesService, VariablesService, VolumesService],
  exports: [ServicesService, VariablesService],
})
export class ServicesApiModule {}
