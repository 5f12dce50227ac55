import { Controller, Get, Put } from '@nestjs/common';
import * as contract from '#contracts/settings.js';
import { type Caller, CurrentUser, Operation, ValidBody } from '#platform/http/index.js';
import { SettingsService } from './settings.service.js';

const tag = 'Settings';

@Controller('settings')
export class SettingsController {
  constructor(private readonly settings: SettingsService) {}

  @Get()
  @Operation({
    summary: 'Get installation settings',
    tag,
    needs: 'admin',
    returns: { status: 200, schema: contract.settings },
    errors: [403],
  })
  get(@CurrentUser() caller: Caller): Promise<contract.Settings> {
    return this.settings.get(caller);
  }

  @Put()
  @Operation({
    summary: 'Update installation settings',
    tag,
    body: contract.updateSettingsRequest,
    needs: 'admin',
    returns: { status: 200, schema: contract.settings },
    errors: [403],
  })
  update(@CurrentUser() caller: Caller, @ValidBody() body: contract.UpdateSettingsRequest): Promise<contract.Settings> {
    return this.settings.update(caller, body);
  }
}
