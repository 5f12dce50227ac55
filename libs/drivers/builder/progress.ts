/**
 * Turns BuildKit's status messages into the ordered lines of `docker build --progress=plain`:
 * `#5 [2/3] RUN npm ci`, `#5 0.412 added 3 packages`, `#5 DONE 1.2s`.
 */
import { StringDecoder } from 'node:string_decoder';
import type { Trace, Vertex, VertexOutput } from './trace.js';

/** How many of a step's last lines an error message may quote. */
export const TAIL_LINES = 20;
/** A "line" without an end (a progress bar) is cut here, so that a build cannot fill the memory. Characters. */
const MAX_LINE = 16_384;
const SECONDS = 1000;

interface Step {
  number: number;
  name: string;
  startedAt: number | null;
  announced: boolean;
  finished: boolean;
  error: string;
  decoder: StringDecoder;
  rest: string;
  tail: string[];
}

export interface FailedStep {
  name: string;
  error: string;
  /** Its last output lines, oldest first. */
  output: string[];
}

export class PlainProgress {
  private readonly steps = new Map<string, Step>();
  private finished = 0;

  /** @param redact hides secret values; applied to everything shown or kept. */
  constructor(
    private readonly log: (line: string) => void,
    private readonly redact: (text: string) => string = (text) => text,
    private readonly progress: (done: number, total: number) => void = () => undefined,
  ) {}

  /** Shows one message. Output comes before the end of its step, as BuildKit may put both in one message. */
  show(trace: Trace): void {
    for (const vertex of trace.vertexes) this.start(vertex);
    for (const output of trace.output) this.print(output);
    for (const vertex of trace.vertexes) this.finish(vertex);
    if (trace.vertexes.length > 0) this.progress(this.finished, this.steps.size);
  }

  /** The step that broke the build: BuildKit marks the steps it cancelled because of it as failed too, but with "context canceled". */
  failed(): FailedStep | null {
    const failed = [...this.steps.values()].filter((step) => step.error !== '');
    const step = failed.find((each) => !each.error.includes('context canceled')) ?? failed[0];
    return step ? { name: step.name, error: step.error, output: step.tail } : null;
  }

  /** True when any step wrote a line that matches: the kernel's OOM killer leaves its trace there when a child process was hit. */
  saw(pattern: RegExp): boolean {
    return [...this.steps.values()].some((step) => step.error !== '' && step.tail.some((line) => pattern.test(line)));
  }

  private start(vertex: Vertex): void {
    const step = this.step(vertex);
    if (step.announced || (vertex.startedAt === null && vertex.completedAt === null)) return;
    step.announced = true;
    step.startedAt = vertex.startedAt;
    this.log(this.redact(`#${step.number} ${step.name}`));
  }

  private step(vertex: Vertex): Step {
    const known = this.steps.get(vertex.digest);
    if (known) return known;
    const step: Step = {
      number: this.steps.size + 1,
      name: vertex.name,
      startedAt: vertex.startedAt,
      announced: false,
      finished: false,
      error: '',
      decoder: new StringDecoder('utf8'),
      rest: '',
      tail: [],
    };
    this.steps.set(vertex.digest, step);
    return step;
  }

  private print(output: VertexOutput): void {
    const step = this.steps.get(output.vertex);
    if (!step) return;
    const lines = (step.rest + step.decoder.write(output.text)).split('\n');
    step.rest = lines.pop() ?? '';
    if (step.rest.length > MAX_LINE) {
      lines.push(step.rest);
      step.rest = '';
    }
    for (const line of lines) this.line(step, line, output.at);
  }

  private line(step: Step, raw: string, at: number | null): void {
    // What a terminal would show: the text after the last carriage return.
    const text = this.redact((raw.replace(/\r+$/, '').split('\r').at(-1) ?? '').slice(0, MAX_LINE));
    step.tail.push(text);
    if (step.tail.length > TAIL_LINES) step.tail.shift();
    const elapsed =
      at !== null && step.startedAt !== null ? `${(Math.max(0, at - step.startedAt) / SECONDS).toFixed(3)} ` : '';
    this.log(`#${step.number} ${elapsed}${text}`);
  }

  private finish(vertex: Vertex): void {
    const step = this.steps.get(vertex.digest);
    if (!step || step.finished || vertex.completedAt === null) return;
    step.finished = true;
    this.finished += 1;
    const rest = step.rest + step.decoder.end();
    step.rest = '';
    if (rest !== '') this.line(step, rest, vertex.completedAt);
    step.error = this.redact(vertex.error);
    this.log(this.redact(`#${step.number} ${ending(vertex)}`));
  }
}

function ending(vertex: Vertex): string {
  if (vertex.error) return vertex.error.includes('context canceled') ? 'CANCELED' : `ERROR: ${vertex.error}`;
  if (vertex.cached) return 'CACHED';
  const duration = (vertex.completedAt ?? 0) - (vertex.startedAt ?? vertex.completedAt ?? 0);
  return `DONE ${(duration / SECONDS).toFixed(1)}s`;
}
