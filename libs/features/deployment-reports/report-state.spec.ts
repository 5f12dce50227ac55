import { reportDelay, describe as said, stateOf } from './report-state.js';

const started = new Date();

it.each([
  ['pending', null, 'pending'],
  ['building', started, 'pending'],
  ['deploying', started, 'pending'],
  ['running', started, 'success'],
  ['superseded', started, 'success'],
  ['superseded', null, 'cancelled'],
  ['cancelled', null, 'cancelled'],
  ['failed', started, 'failure'],
])('%s, begun %p, is %s', (status, startedAt, state) => expect(stateOf({ status, startedAt })).toBe(state));

it('tries again for a while, and not sooner than the provider wants', () => {
  expect(reportDelay(1, null)).toBe(10);
  expect(reportDelay(1, 60)).toBe(60);
  expect(reportDelay(7, 5)).toBe(3600);
  expect(reportDelay(8, 5)).toBeNull();
});

it('says why it failed', () => {
  expect(said('failure', { status: 'failed', errorCode: 'build_failed' })).toContain('build_failed');
  expect(said('cancelled', { status: 'superseded', errorCode: null })).toContain('newer');
});
