/** The classic builder's output: plain text that is cut anywhere, with a `Step 2/3 : RUN npm ci` line before each instruction. */
import { type FailedStep, TAIL_LINES } from './progress.js';

export class ClassicProgress {
  private rest = '';
  private step: string | null = null;
  private tail: string[] = [];

  /** @param redact hides secret values. */
  constructor(
    private readonly log: (line: string) => void,
    private readonly redact: (text: string) => string = (text) => text,
  ) {}

  write(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.line(line.trimEnd());
  }

  end(): void {
    if (this.rest.trim() !== '') this.line(this.rest.trimEnd());
    this.rest = '';
  }

  /** The instruction that was under way; null when none had begun. */
  current(): FailedStep | null {
    return this.step === null ? null : { name: this.step, error: '', output: this.tail };
  }

  private line(raw: string): void {
    const line = this.redact(raw);
    this.log(line);
    const step = /^Step \d+\/\d+ : (.*)$/.exec(line)?.[1];
    if (step !== undefined) {
      this.step = step;
      this.tail = [];
    } else if (!/^ ---> |^$/.test(line)) {
      this.tail.push(line);
      if (this.tail.length > TAIL_LINES) this.tail.shift();
    }
  }
}
