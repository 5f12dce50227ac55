import { Global, Module } from '@nestjs/common';
import { GitProvidersController } from './git-providers.controller.js';
import { GitProvidersService } from './git-providers.service.js';
import { ProviderAccounts } from './provider-accounts.js';
import { ProviderFetch } from './provider-fetch.js';

// Global: services, hooks and reports all open accounts.
@Global()
@Module({
  controllers: [GitProvidersController],
  providers: [GitProvidersService, ProviderAccounts],
  exports: [ProviderAccounts],
})
export class GitProvidersApiModule {}

@Global()
@Module({ providers: [ProviderAccounts, ProviderFetch], exports: [ProviderAccounts, ProviderFetch] })
export class GitProvidersWorkerModule {}
