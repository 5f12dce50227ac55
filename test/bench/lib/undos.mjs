// What has to be taken back, newest first, whatever happened.
import { warn } from '../../../deploy/setup/lib/log.mjs';

export class Undos {
  #undos = [];

  /** @param {() => unknown} undo */
  push(undo) {
    this.#undos.push(undo);
  }

  /** Runs every undo although one fails. @returns {Promise<Error[]>} what failed; it has been said on stderr too */
  async all() {
    const failures = [];
    for (const undo of this.#undos.splice(0).toReversed()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
        warn(`Cleaning up: ${error.message}`);
      }
    }
    return failures;
  }
}
