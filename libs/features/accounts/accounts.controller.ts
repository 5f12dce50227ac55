import { Controller, Get, Post, Put } from '@nestjs/common';
import * as contract from '#contracts/accounts.js';
import { type Caller, CurrentUser, Operation, type Origin, RequestOrigin, ValidBody } from '#platform/http/index.js';
import { AccountsService } from './accounts.service.js';

@Controller()
export class AccountsController {
  constructor(private readonly accounts: AccountsService) {}

  @Post('auth/register')
  @Operation({
    summary: 'User registration',
    description: 'The first user of an installation becomes its administrator.',
    tag: 'Authentication',
    body: contract.registerRequest,
    returns: { status: 201, schema: contract.user },
    errors: [403, 409],
    public: true,
  })
  register(@ValidBody() body: contract.RegisterRequest, @RequestOrigin() origin: Origin): Promise<contract.User> {
    return this.accounts.register(body, origin);
  }

  @Post('auth/login')
  @Operation({
    summary: 'User login',
    tag: 'Authentication',
    body: contract.loginRequest,
    returns: { status: 200, schema: contract.loginResponse },
    errors: [401, 429],
    public: true,
  })
  login(@ValidBody() body: contract.LoginRequest, @RequestOrigin() origin: Origin): Promise<contract.LoginResponse> {
    return this.accounts.login(body, origin);
  }

  @Get('user/profile')
  @Operation({
    summary: 'Get user profile',
    tag: 'User',
    about: 'anyone',
    returns: { status: 200, schema: contract.user },
  })
  profile(@CurrentUser() caller: Caller): Promise<contract.User> {
    return this.accounts.profile(caller);
  }

  @Put('user/profile')
  @Operation({
    summary: 'Update user profile',
    description: 'Fields that are left out stay as they are.',
    tag: 'User',
    body: contract.updateUserRequest,
    needs: 'admin',
    returns: { status: 200, schema: contract.user },
    errors: [409],
  })
  updateProfile(@CurrentUser() caller: Caller, @ValidBody() body: contract.UpdateUserRequest): Promise<contract.User> {
    return this.accounts.updateProfile(caller, body);
  }
}
