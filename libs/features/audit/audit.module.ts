import { Module } from '@nestjs/common';
import { AuditController } from './audit.controller.js';
import { AuditService } from './audit.service.js';

/** Writing needs no module: see recordAudit. */
@Module({ controllers: [AuditController], providers: [AuditService] })
export class AuditApiModule {}
