import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import * as contract from '#contracts/audit.js';
import { type Caller, CurrentUser, Operation, ValidParams, ValidQuery } from '#platform/http/index.js';
import { AuditService } from './audit.service.js';

const tag = 'Audit';

@Controller('audit-logs')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  @Operation({
    summary: 'List audit logs',
    description: 'What happened in your account and your projects, and what you did in those of others; newest first.',
    tag,
    query: contract.auditLogListQuery,
    returns: { status: 200, schema: contract.auditLogList },
    errors: [404],
  })
  list(@CurrentUser() caller: Caller, @ValidQuery() query: contract.AuditLogListQuery): Promise<contract.AuditLogList> {
    return this.audit.list(caller, query);
  }

  @Get('verify')
  @Operation({
    summary: 'Verify the hash chain of your audit log',
    description: 'Reads it from its first entry, so it takes longer the longer the log is.',
    tag,
    returns: { status: 200, schema: contract.auditVerification },
    errors: [429],
  })
  verify(
    @CurrentUser() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<contract.AuditVerification> {
    return this.audit.verify(caller, goneSignal(reply));
  }

  @Get(':resource/:id')
  @Operation({
    summary: 'List resource audit logs',
    description:
      'Of one thing, e.g. `service` and its id. For whoever may read the log of its project, and what you did yourself.',
    tag,
    needs: 'admin',
    params: contract.resourceAuditLogParams,
    query: contract.resourceAuditLogQuery,
    returns: { status: 200, schema: contract.auditLogList },
    errors: [403],
  })
  ofResource(
    @CurrentUser() caller: Caller,
    @ValidParams() target: { resource: string; id: string },
    @ValidQuery() query: contract.ResourceAuditLogQuery,
  ): Promise<contract.AuditLogList> {
    return this.audit.ofResource(caller, target, query);
  }
}

/** Aborts when the client has left before its answer: nobody waits for the rest of the walk. */
function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => raw.writableFinished || gone.abort());
  return gone.signal;
}
