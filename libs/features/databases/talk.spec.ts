import type { Execution } from '#drivers/runtime/port.js';
import { Talk } from './talk.js';

/** A program that answers each line; `silent` is not answered, `bye` ends it. */
function program() {
  const started = { count: 0, aborted: false };
  const start = async (stdin: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Execution> => {
    started.count += 1;
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => {
        started.aborted = true;
        reject(signal.reason);
      }),
    );
    aborted.catch(() => undefined);
    const stdout = (async function* () {
      const lines = stdin[Symbol.asyncIterator]();
      for (;;) {
        const { value, done } = await Promise.race([lines.next(), aborted]);
        const text = done ? 'bye' : Buffer.from(value).toString();
        if (text === 'bye') return;
        if (text === 'silent') continue;
        // In pieces, as a network would.
        yield Buffer.from(`answer to ${text}\nMA`);
        yield Buffer.from('RK\n');
      }
    })();
    return { stdout, ended: Promise.resolve({ exitCode: 0, stderr: '' }) };
  };
  return { started, talk: new Talk(start, 'MARK') };
}

describe('a talk with a program', () => {
  it('is one program for many questions', async () => {
    const { started, talk } = program();
    expect(await talk.ask('one', 1000)).toBe('answer to one\n');
    expect(await talk.ask('two', 1000)).toBe('answer to two\n');
    expect(started.count).toBe(1);
    talk.close();
    expect(started.aborted).toBe(true);
  });

  it('says that the program has ended', async () => {
    await expect(program().talk.ask('bye', 1000)).rejects.toMatchObject({ code: 'talk_ended' });
  });

  it('is ended by a question that is not answered in time', async () => {
    const { started, talk } = program();
    await expect(talk.ask('silent', 20)).rejects.toMatchObject({ code: 'talk_ended' });
    expect(started.aborted).toBe(true);
  });
});
