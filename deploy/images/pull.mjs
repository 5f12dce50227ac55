// Pulling, with a quick answer when there is no registry.

// A machine without a route to any registry may drop packets instead of refusing: no first word in this time means no registry.
const FIRST_WORD_MS = 10_000;
const STALL_MS = 120_000;

/** Aborts when `touch` was not called for a while. */
function watchdog() {
  const controller = new AbortController();
  let timer;
  const touch = (within) => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Error(`no answer in ${within / 1000} s`)), within);
  };
  return { signal: controller.signal, touch, stop: () => clearTimeout(timer) };
}

/**
 * Pulls one image.
 * @param {import('../setup/lib/engine.mjs').Engine} engine
 * @returns {Promise<string | null>} null when it is there now, else why it is not
 */
export async function pull(engine, name) {
  const [fromImage, tag] = name.split(':');
  const dog = watchdog();
  dog.touch(FIRST_WORD_MS);
  try {
    const options = { params: { fromImage, tag }, signal: dog.signal, timeout: 0, onEvent: () => dog.touch(STALL_MS) };
    await engine.stream('POST', '/images/create', options);
    return null;
  } catch (error) {
    return dog.signal.aborted ? dog.signal.reason.message : error.message.split('\n')[0];
  } finally {
    dog.stop();
  }
}
