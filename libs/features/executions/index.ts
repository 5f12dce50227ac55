/** What other features may use of this one. */
export { ExecutionsApiModule, ExecutionsWorkerModule } from './executions.module.js';
export { ExecutionSchedule } from './executions.schedule.js';
