// What the kernel says about a process and its threads. Linux only, as is the platform.
import { readdirSync, readFileSync } from 'node:fs';

/** Time on a core so far, of all threads that live now. @param {number} pid @returns {number} microseconds */
export function cpuMicros(pid) {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => onCore(`/proc/${pid}/task/${thread}/schedstat`));
  return threads.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1000;
}

/** First field of schedstat: https://docs.kernel.org/scheduler/sched-stats.html */
function onCore(file) {
  try {
    return Number(readFileSync(file, 'utf8').split(' ')[0]);
  } catch {
    return 0; // a thread that has just ended
  }
}

/** Resident memory, pages of the executable included. @param {number} pid @returns {number} MB (2^20 bytes) */
export function rssMb(pid) {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
