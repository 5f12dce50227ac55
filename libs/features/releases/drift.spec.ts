/** Which routes of busy services the reconciler may touch. */
import type { Workload } from '#drivers/runtime/port.js';
import { type Expected, misrouted } from './drift.js';

const service: Expected = {
  ...{
    id: 's',
    busy: true,
    routed: true,
    running: true,
    deployment: 'old',
    replicas: 2,
    port: 3000,
    hosts: ['h'],
    httpsOnly: [],
  },
};

const workload = (deployment: string, address: string | null, state = 'running') =>
  ({ state, address, labels: { service: 's', deployment, role: 'release' } }) as unknown as Workload;

const found = (upstreams: string[], workloads: Workload[] | null, more: Partial<Expected> = {}) =>
  misrouted([{ ...service, ...more }], { workloads, routes: new Map([['s', { id: 's', hosts: ['h'], upstreams }]]) });

const LIVE = [workload('old', '10.0.0.2'), workload('old', '10.0.0.3')];

it('points a route that leads to an address of nobody to what runs of the live release', () => {
  const right = [{ id: 's', hosts: ['h'], upstreams: ['10.0.0.2:3000', '10.0.0.3:3000'] }];
  expect(found(['10.0.0.8:3000', '10.0.0.9:3000'], LIVE)).toEqual(right);
  expect(found(['10.0.0.2:3000', '10.0.0.9:3000'], LIVE)).toEqual(right);
});

it('leaves alone a route that a run has just switched to a new release', () => {
  expect(found(['10.0.0.7:3000'], [...LIVE, workload('new', '10.0.0.7')])).toEqual([]);
});

it.each<[string, string[], Workload[] | null, Partial<Expected>]>([
  ['a service that no run changes: it is healed', ['10.0.0.9:3000'], LIVE, { busy: false }],
  ['a service that is being stopped', ['10.0.0.9:3000'], LIVE, { running: false }],
  ['a service without a route', ['10.0.0.9:3000'], LIVE, { routed: false }],
  ['a live release of which nothing runs', ['10.0.0.9:3000'], [workload('old', null, 'exited')], {}],
  ['a right route', ['10.0.0.2:3000'], LIVE, {}],
])('leaves alone %s', (_what, upstreams, workloads, more) => {
  expect(found(upstreams, workloads, more)).toEqual([]);
});
