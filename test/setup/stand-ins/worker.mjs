// Stands in for the worker: says that it is ready and waits.
const timer = setInterval(() => {}, 1000);
process.send?.('ready');
process.once('SIGTERM', () => {
  clearInterval(timer);
  process.disconnect?.();
});
