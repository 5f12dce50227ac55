/** The engine's answer to `POST /build`: JSON objects, one per line, of both builders. */

import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { ClassicProgress } from './classic-progress.js';
import type { PlainProgress } from './progress.js';
import { decodeTrace } from './trace.js';

export interface BuildEvent {
  /** `moby.buildkit.trace` or `moby.image.id` for BuildKit. */
  id?: string;
  aux?: string | { ID?: string };
  /** The classic builder's output. */
  stream?: string;
  /** The classic builder's pull progress. */
  status?: string;
  error?: string;
  errorDetail?: { message?: string };
}

export interface BuildOutcome {
  imageId: string | null;
  /** The engine's error text; a failed build still answers 200 and ends its stream without an error. */
  error: string | null;
}

export interface OutputSink {
  progress: PlainProgress;
  classic: ClassicProgress;
}

/** @throws SyntaxError on a line that is not JSON. */
export async function* readEvents(stream: Readable): AsyncGenerator<BuildEvent> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as BuildEvent;
  }
  if (rest.trim() !== '') yield JSON.parse(rest) as BuildEvent;
}

/** Shows every event and returns how the build ended. Both fields null: the engine broke off. */
export async function follow(stream: Readable, sink: OutputSink): Promise<BuildOutcome> {
  const outcome: BuildOutcome = { imageId: null, error: null };
  for await (const event of readEvents(stream)) {
    if (event.id === 'moby.buildkit.trace' && typeof event.aux === 'string') sink.progress.show(decodeTrace(event.aux));
    else if (typeof event.aux === 'object' && event.aux.ID) outcome.imageId = event.aux.ID;
    outcome.error = event.errorDetail?.message ?? event.error ?? outcome.error;
    if (!event.id && event.stream) sink.classic.write(event.stream);
  }
  sink.classic.end();
  return outcome;
}
