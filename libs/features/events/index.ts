/** What other features and the apps may use of this one. */

export { recordDeploymentEvents } from './deployment-events.js';
export { type DispatchedEvent, type EventConsumer, EventDispatcher } from './events.dispatcher.js';
export { EventsWorkerModule } from './events.module.js';
export { type NewEvent, recordEvent } from './events.record.js';
