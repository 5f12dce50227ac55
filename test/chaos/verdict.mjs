// Facts -> rows of the table. Pure. Every row lists its violations; an empty list is green.
import { EXPLAINS, takesOver } from './blame.mjs';

/**
 * @typedef {{ name: string, seen: string, violations: string[] }} Row
 * @typedef {Record<string, any>} Facts see facts.mjs, with asks, versions (developer.mjs) and faults (faults.mjs)
 */

const FINAL = ['running', 'superseded', 'failed', 'cancelled'];
const RUN_FINAL = ['succeeded', 'failed', 'cancelled', 'superseded'];
const short = (id) => (id ?? 'none').slice(-12);
const unless = (good, text) => (good ? [] : [text]);
const time = (value) => new Date(value).getTime();
/** @returns {[string, any[]][]} */
const grouped = (rows, keyOf) => {
  const groups = new Map();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return [...groups];
};
const stamp = (ms) => new Date(ms).toISOString().slice(11, 23);

const askOf = (facts, { id, commit_hash: commit, service_id: service, trigger }) =>
  facts.asks.find((ask) => ask.ids.includes(id)) ??
  facts.asks.find(
    (ask) =>
      ask.service === service &&
      (ask.commit ? ask.commit === commit && trigger === 'push' : ask.unanswered > 0 && trigger !== 'push'),
  );

function finalState({ deployments }) {
  const open = deployments.filter(({ status }) => !FINAL.includes(status));
  return {
    name: 'every deployment has one final state',
    seen: `${deployments.length} deployments`,
    violations: open.map(({ id, status }) => `deployment ${short(id)} is ${status}`),
  };
}

/** The row that says running, the containers, and what Caddy really answers are one and the same. */
function matches(facts) {
  const violations = facts.services.flatMap((service) => serviceMatches(facts, service));
  return {
    name: 'what is recorded is what runs and answers',
    seen: `${facts.containers.length} containers, ${facts.answers.length} answers`,
    violations,
  };
}

function serviceMatches(facts, service) {
  const running = facts.deployments.filter(
    ({ service_id, status }) => service_id === service.id && status === 'running',
  );
  const [live] = running;
  if (running.length !== 1 || live.id !== service.live_deployment_id)
    return [
      `${service.name}: running ${running.map(({ id }) => short(id))}, live ${short(service.live_deployment_id)}`,
    ];
  const containers = facts.containers.filter(
    (one) => one.service === service.id && one.deployment === live.id && one.state === 'running',
  );
  return [
    ...unless(service.status === 'running', `${service.name} is ${service.status}`),
    ...unless(
      containers.length === service.replicas,
      `${service.name}: ${containers.length} of ${service.replicas} containers run`,
    ),
    ...routeMatches(facts, service, containers),
    ...answersMatch(facts, service, live),
  ];
}

function routeMatches({ routes }, service, containers) {
  const addresses = containers.flatMap((one) => one.addresses).sort();
  const route = routes.hosts.filter((one) => one.service === service.id);
  const upstreams = (route[0]?.upstreams ?? []).map((one) => one.split(':')[0]).sort();
  return [
    ...unless(route.length === 1, `${service.name} has ${route.length} routes`),
    ...unless(
      String(addresses) === String(upstreams),
      `${service.name}: route to ${upstreams}, containers at ${addresses}`,
    ),
  ];
}

function answersMatch({ answers, versions }, service, live) {
  const own = answers.filter((one) => one.service === service.id);
  const who = own.map(({ status, text }) => (status === 200 ? JSON.parse(text) : null));
  const right = (one) =>
    one?.deployment === live.id && one.service === service.id && one.version === versions[live.commit_hash];
  const replicas = new Set(who.filter(Boolean).map(({ replica }) => replica));
  return [
    ...own.filter((_, at) => !right(who[at])).map(({ status, text }) => `${service.name} answers ${status} ${text}`),
    ...unless(
      replicas.size === service.replicas,
      `${service.name}: ${replicas.size} of ${service.replicas} replicas answer`,
    ),
  ];
}

function lost({ asks, deployments }) {
  const known = new Set(deployments.map(({ id }) => id));
  const violations = asks.flatMap((ask) => [
    ...ask.ids.filter((id) => !known.has(id)).map((id) => `deployment ${short(id)} was promised and is not there`),
    ...unless(
      !ask.commit || ask.refused || deployments.some((row) => row.commit_hash === ask.commit),
      `commit ${ask.commit?.slice(0, 12)} was pushed and not deployed`,
    ),
    ...unless(!ask.refused || ask.refused === 'nothing_deployed', `${ask.kind}: never taken: ${ask.refused}`),
  ]);
  return { name: 'nothing lost', seen: `${asks.length} asked for`, violations };
}

function doubled(facts) {
  const { asks, deployments, runs, images, dockerImages } = facts;
  const rowsOf = (ask) => deployments.filter((row) => askOf(facts, row) === ask);
  const runsOf = ({ id }) => runs.filter((run) => run.workflow === 'deployment' && run.subject_id === id).length;
  const commits = grouped(dockerImages, ({ commit }) => commit);
  const violations = [
    ...deployments.filter((row) => !askOf(facts, row)).map(({ id }) => `nobody asked for deployment ${short(id)}`),
    ...asks
      .filter((ask) => rowsOf(ask).length > 1 + ask.unanswered)
      .map((ask) => `${ask.kind}: ${rowsOf(ask).length} deployments for ${1 + ask.unanswered} tries`),
    ...deployments
      .filter((row) => runsOf(row) !== 1)
      .map((row) => `deployment ${short(row.id)} has ${runsOf(row)} runs`),
    ...commits
      .filter(([, all]) => all.length > 1)
      .map(([commit, all]) => `commit ${commit?.slice(0, 12)} has ${all.length} images`),
  ];
  return { name: 'nothing doubled', seen: `${runs.length} runs, ${images.length} images`, violations };
}

function half({ runs, steps, executions }) {
  const ended = runs.filter(({ status }) => RUN_FINAL.includes(status));
  const of = (run) => steps.filter((step) => step.run_id === run.id);
  const allowed = { succeeded: ['done', 'failed'], superseded: [] };
  const wrong = (run) =>
    of(run).filter(({ status }) => !(allowed[run.status] ?? ['pending', 'done', 'undone', 'failed']).includes(status));
  const violations = [
    ...ended.flatMap((run) =>
      wrong(run).map(
        (step) => `${run.workflow} ${short(run.id)} is ${run.status}, its step ${step.kind} is ${step.status}`,
      ),
    ),
    ...executions
      .filter(({ status }) => ['pending', 'running'].includes(status))
      .map(({ id, status }) => `execution ${short(id)} is ${status}`),
  ];
  return { name: 'nothing half done', seen: `${steps.length} steps`, violations };
}

function orphans(facts) {
  const live = new Set(facts.services.map((service) => service.live_deployment_id));
  const ids = (rows) => new Set(rows.map(({ id }) => id));
  const recorded = new Set(facts.images.map(({ image_id: id }) => id));
  const volumes = new Set(facts.volumes.map(({ id }) => `containr-${id}`));
  const [projects, services] = [ids(facts.projects), ids(facts.services)];
  const violations = [
    ...facts.containers
      .filter((one) => !live.has(one.deployment))
      .map(({ name, state }) => `container ${name} (${state})`),
    ...facts.dockerImages
      .filter(({ id }) => !recorded.has(id))
      .map(({ id, tags }) => `image ${id.slice(7, 19)} ${tags}`),
    ...facts.images
      .filter(({ image_id: id }) => !facts.dockerImages.some((one) => one.id === id))
      .map(({ tag }) => `row of an image that is gone: ${tag}`),
    ...facts.networks.filter(({ project }) => !projects.has(project)).map(({ name }) => `network ${name}`),
    ...facts.dockerVolumes.filter((name) => !volumes.has(name)).map((name) => `volume ${name}`),
    ...facts.routes.hosts.filter(({ service }) => !services.has(service)).map(({ host }) => `route ${host}`),
    ...facts.routes.folders.filter((service) => !services.has(service)).map((service) => `route folder ${service}`),
    ...facts.routes.drafts.map((name) => `half a route ${name}`),
    ...facts.strayLines.map(({ id }) => `log lines of ${id}`),
  ];
  return {
    name: 'no orphaned container, image, network, volume, route or row',
    seen: `${facts.dockerImages.length} images, ${facts.networks.length} networks`,
    violations,
  };
}

function locks({ runs, advisoryLocks, lockFiles }) {
  const violations = [
    ...runs
      .filter(({ status }) => !RUN_FINAL.includes(status))
      .map((run) => `${run.workflow} ${short(run.id)} is ${run.status}`),
    ...runs
      .filter((run) => RUN_FINAL.includes(run.status) && (run.lease_owner || run.lease_until))
      .map(({ id }) => `run ${short(id)} has ended and is still leased`),
    ...advisoryLocks.map(({ pid }) => `process ${pid} of PostgreSQL holds an advisory lock`),
    ...lockFiles.map((name) => `lock file ${name}`),
  ];
  return { name: 'no lock or lease left', seen: `${runs.length} runs`, violations };
}

/** A failure counts as excused only while the very process that served it was dead, and one second before it at most. */
function requests({ traffic, faults }) {
  const outages = faults.flatMap((fault) => fault.outages ?? []);
  const excused = ({ service, start, end }) =>
    outages.some(
      (one) => (one.services === null || one.services.includes(service)) && start <= one.until && end >= one.from,
    );
  const violations = traffic.failed
    .filter((one) => !excused(one))
    .map((one) => `${stamp(one.start)} +${one.end - one.start} ms: ${one.status} ${one.text.slice(0, 100)}`);
  const seen = `${traffic.total} requests, ${traffic.failed.length} failed, ${traffic.failed.length - violations.length} while their process was dead, slowest ${traffic.slowest} ms`;
  return { name: 'requests fail only when their process is killed', seen, violations };
}

/** No app ever answers for another one, and no version that was never proven healthy answers at all. */
function strangers(facts) {
  const { traffic, deployments } = facts;
  const bad = deployments.filter((row) => ['broken', 'bad-build'].includes(askOf(facts, row)?.kind));
  const violations = [
    ...traffic.strangers.map((one) => `${stamp(one.start)} ${short(one.service)} answered as ${one.text}`),
    ...bad
      .filter(({ id }) => traffic.answered[id])
      .map(({ id }) => `broken deployment ${short(id)} answered ${traffic.answered[id]} requests`),
  ];
  return {
    name: 'only proven releases of the very service answer',
    seen: `${Object.keys(traffic.answered).length} releases answered`,
    violations,
  };
}

/** Each end has a reason in the history that fits what was done to it. */
function history(facts) {
  const violations = [
    ...facts.deployments.flatMap((row) => deploymentExplained(facts, row)),
    ...facts.runs.flatMap((run) => runExplained(facts, run)),
  ];
  const again = facts.runs.filter(({ attempt }) => attempt > 1).length;
  return {
    name: "every run's history explains what happened",
    seen: `${again} of ${facts.runs.length} runs were taken over`,
    violations,
  };
}

function deploymentExplained(facts, row) {
  if (row.status !== 'failed')
    return unless(
      row.status !== 'running' || !row.error,
      `deployment ${short(row.id)} runs with an error: ${row.error}`,
    );
  const ask = askOf(facts, row);
  const run = facts.runs.find((one) => one.workflow === 'deployment' && one.subject_id === row.id);
  const [from, until] = [time(run?.started_at ?? row.created_at), time(run?.finished_at ?? row.completed_at)];
  const meanwhile = facts.faults.filter(
    (fault) => fault.from <= until && fault.until >= from && (fault.deployments?.includes(row.id) ?? true),
  );
  const codes = [...(EXPLAINS[ask?.kind] ?? []), ...meanwhile.flatMap(({ kind }) => EXPLAINS[kind] ?? [])];
  const told = `${ask?.kind} ${short(row.id)} failed with ${row.error_code}: ${(row.error ?? '').split('\n')[0]}`;
  return unless(
    row.error && codes.includes(row.error_code),
    `${told} (meanwhile: ${meanwhile.map(({ kind }) => kind).join(' ') || 'nothing'})`,
  );
}

function runExplained({ faults, steps }, run) {
  const own = steps.filter((step) => step.run_id === run.id && step.started_at);
  const name = `${run.workflow} ${short(run.id)}`;
  const ordered = own.every(
    (step, at) =>
      (!step.finished_at || time(step.finished_at) >= time(step.started_at)) &&
      (at === 0 || time(step.started_at) >= time(own[at - 1].started_at)),
  );
  const inside =
    !run.finished_at ||
    own.every(
      (step) =>
        time(step.started_at) >= time(run.started_at) &&
        time(step.finished_at ?? run.finished_at) <= time(run.finished_at),
    );
  const silent = own.filter((step) => step.status === 'failed' && !step.error);
  return [
    ...unless(ordered && inside, `${name}: the times of its steps make no sense`),
    ...unless(
      !['failed', 'stuck'].includes(run.status) || (run.error && run.error_code),
      `${name} is ${run.status} without a reason`,
    ),
    ...silent.map((step) => `${name}: step ${step.kind} failed without a reason`),
    ...unless(
      run.attempt <= 1 || takesOver(faults, run),
      `${name} was taken over ${run.attempt - 1} times and nothing happened to its worker`,
    ),
  ];
}

/** A chaos in which nothing broke proves nothing. */
function attacked({ faults, planned, traffic }) {
  const missing = planned.filter((kind) => !faults.some((fault) => fault.kind === kind));
  const counts = grouped(faults, ({ kind }) => kind);
  const seen = counts.map(([kind, all]) => `${kind} ${all.length}`).join(', ');
  return {
    name: 'it was attacked',
    seen: seen || 'no fault',
    violations: [
      ...missing.map((kind) => `${kind} never happened`),
      ...unless(traffic.total > 0, 'no request was made'),
    ],
  };
}

const ROWS = [attacked, finalState, matches, lost, doubled, half, orphans, locks, requests, strangers, history];

/** @param {Facts} facts @returns {Row[]} */
export const verdictOf = (facts) => ROWS.map((row) => row(facts));

/** @param {Row[]} rows */
export const isGreen = (rows) => rows.every(({ violations }) => violations.length === 0);
