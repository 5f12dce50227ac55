export { Authenticator } from './authenticator.js';
export { isWithin } from './cidrs.js';
export { TokensApiModule } from './tokens.module.js';
