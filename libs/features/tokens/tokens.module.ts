import { Module } from '@nestjs/common';
import { AccountsApiModule } from '#features/accounts/index.js';
import { Authenticator } from './authenticator.js';
import { KnownTokens } from './known-tokens.js';
import { TokensController } from './tokens.controller.js';
import { TokensService } from './tokens.service.js';

/** There is no worker module: tokens are only made and checked in requests. */
@Module({
  imports: [AccountsApiModule],
  controllers: [TokensController],
  providers: [Authenticator, KnownTokens, TokensService],
  exports: [Authenticator],
})
export class TokensApiModule {}
