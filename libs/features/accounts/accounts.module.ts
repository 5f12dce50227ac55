import { Module } from '@nestjs/common';
import { AccountsController } from './accounts.controller.js';
import { AccountsService } from './accounts.service.js';
import { KnownUsers } from './known-users.js';
import { LoginThrottle } from './login-throttle.js';
import { Passwords } from './passwords.js';
import { Sessions } from './sessions.js';
import { SettingsController } from './settings.controller.js';
import { SettingsService } from './settings.service.js';

/** There is no worker module: nothing about accounts happens later. */
@Module({
  controllers: [AccountsController, SettingsController],
  providers: [AccountsService, SettingsService, KnownUsers, LoginThrottle, Passwords, Sessions],
  exports: [Sessions],
})
export class AccountsApiModule {}
