/** Memory, CPU and event loop of this process, measured when somebody asks: prom-client's default set keeps timers running for it. */
import { performance } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import { PRODUCT_VERSION } from '#platform/version.js';

export function processMetrics(registry: Registry): void {
  const registers = [registry];
  new Gauge({ name: 'containr_build_info', help: 'Version.', labelNames: ['version'], registers }).set(
    { version: PRODUCT_VERSION },
    1,
  );
  new Gauge({ name: 'process_start_time_seconds', help: 'Start of the process since 1970.', registers }).set(
    performance.timeOrigin / 1000,
  );
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  eventLoop(registers);
}

function eventLoop(registers: Registry[]): void {
  let before = performance.eventLoopUtilization();
  new Gauge({
    name: 'nodejs_eventloop_utilization',
    help: 'Share of the time since the last scrape in which the event loop was busy, 0 to 1.',
    registers,
    collect() {
      const now = performance.eventLoopUtilization();
      this.set(performance.eventLoopUtilization(now, before).utilization);
      before = now;
    },
  });
  new Gauge({
    name: 'nodejs_eventloop_lag_seconds',
    help: 'How long something that was ready waited for its turn, during this scrape.',
    registers,
    async collect() {
      const asked = performance.now();
      await new Promise((resolve) => setImmediate(resolve));
      this.set((performance.now() - asked) / 1000);
    },
  });
}
