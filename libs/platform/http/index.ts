/** What a controller needs. */

export {
  type Caller,
  type CallerToken,
  CurrentUser,
  callerOf,
  type Origin,
  RequestOrigin,
  setCaller,
} from './caller.js';
export {
  CLAIM_SECONDS,
  claimKey,
  confirmIdempotency,
  freeKey,
  type IdempotencyClaim,
  inProgress,
  keepAnswer,
  type StoredAnswer,
} from './idempotency.js';
export { afterCursor } from './keyset.js';
export { Operation, type OperationOptions, operationOf, requirementOf } from './operation.js';
export { allows, greatest, type Permission, rolesFor, scopeFor } from './permission.js';
export { PayloadTooLarge, rawBodyLimit, readRawBody, readWithin } from './raw-body.js';
export { type EventSource, eventStreams, formatEvents, type ServerEvent, sendEvents } from './sse.js';
export { FrameQueue } from './sse-frames.js';
export { closeUnusedConnections } from './unused-connections.js';
export {
  invalid,
  notFound,
  notFoundAs,
  parsed,
  type ValidationIssue,
  ValidBody,
  ValidParams,
  ValidQuery,
} from './valid.js';
