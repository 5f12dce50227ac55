export { Authenticator } from './authenticator.js';
export { TokensApiModule } from './tokens.module.js';
