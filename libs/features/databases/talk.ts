/**
 * A long talk with one program inside a container: questions on its stdin, answers on its stdout, told apart by a mark that the program is
 * asked to print. Starting a program in a container costs tens of milliseconds of CPU; asking one that runs, next to nothing.
 */

import type { Execution } from '#drivers/runtime/port.js';
import { Unavailable } from '#platform/errors.js';

/** What is still to be written; ends when the talk does. */
class Questions implements AsyncIterable<Uint8Array> {
  private readonly waiting: string[] = [];
  private ended = false;
  private wake: () => void = () => undefined;

  push(text: string): void {
    this.waiting.push(text);
    this.wake();
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (!this.ended) {
      const next = this.waiting.shift();
      if (next !== undefined) yield Buffer.from(next);
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

export class Talk {
  private readonly questions = new Questions();
  private readonly stopping = new AbortController();
  private answers: AsyncIterator<Buffer> | null = null;
  private heard = '';

  /** @param start runs the program until the signal aborts */
  constructor(
    private readonly start: (stdin: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<Execution>,
    private readonly mark: string,
  ) {}

  /**
   * @param question ends with what makes the program print the mark on a line of its own
   * @throws Unavailable `talk_ended` when the program has ended; after any error the talk is to be closed: its answers may be out of step
   */
  async ask(question: string, withinMs: number): Promise<string> {
    const timer = setTimeout(() => this.close(), withinMs);
    try {
      const { signal } = this.stopping;
      this.answers ??= (await this.start(this.questions, signal)).stdout[Symbol.asyncIterator]();
      this.questions.push(question);
      for (;;) {
        const at = this.heard.indexOf(`${this.mark}\n`);
        if (at >= 0) return this.taken(at);
        const { value, done } = await this.answers.next();
        if (done) throw new Unavailable('talk_ended', 'The program in the container has ended.');
        this.heard += value.toString('utf8');
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** The program reads the end of its input and ends. */
  close(): void {
    this.questions.end();
    this.stopping.abort(new Unavailable('talk_ended', 'The talk with the program in the container was ended.'));
  }

  private taken(at: number): string {
    const answer = this.heard.slice(0, at);
    this.heard = this.heard.slice(at + this.mark.length + 1);
    return answer;
  }
}
