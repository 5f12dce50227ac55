/** Somebody who follows a log: reads server-sent events as they come. */

export interface SeenEvent {
  id?: string;
  event: string;
  data: Record<string, unknown>;
}

export type LogClient = Awaited<ReturnType<typeof logClient>>;

/** Reads until the stream ends or `leave`. The waits of the result fail after 40 s, saying what has come. */
export async function logClient(answer: Response, stop: AbortController) {
  const events: SeenEvent[] = [];
  const state = { ended: false };
  const read = async () => {
    let rest = '';
    for await (const chunk of (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) if (!block.startsWith(':')) events.push(parse(block));
    }
    state.ended = true;
  };
  const reading = read().catch(() => (state.ended = true)); // we leave by aborting
  const seen = () => JSON.stringify(events);
  return {
    events,
    messages: () => events.filter(({ event }) => event === 'log').map(({ data }) => data.message),
    until: (condition: () => boolean) => until(() => condition() || state.ended, seen),
    ended: () => until(() => state.ended, seen),
    leave: async () => {
      stop.abort();
      await reading;
    },
  };
}

export async function until(condition: () => boolean, state: () => string): Promise<void> {
  for (const deadline = Date.now() + 40_000; !condition(); ) {
    if (Date.now() > deadline) throw new Error(`never true: ${condition}; ${state()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function parse(block: string): SeenEvent {
  const fields = Object.fromEntries(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
  );
  return { ...(fields.id ? { id: fields.id } : {}), event: fields.event ?? '', data: JSON.parse(fields.data ?? '{}') };
}
