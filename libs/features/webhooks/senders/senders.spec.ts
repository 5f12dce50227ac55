import type { GitEvent, Sender } from '../git-event.js';
import { isProven } from '../proof.js';
import { type Delivery, pullDelivery, pushDelivery, signed } from '../testing/payloads.js';
import { envelopeOf, eventOf } from './index.js';

const [A, B] = ['a'.repeat(40), 'b'.repeat(40)];
const SECRET = 'cwh_secret';
const CLONE = 'https://git.example.com/team/app.git';
const SENDERS: Sender[] = ['github', 'gitlab', 'bitbucket', 'gitea'];

function read({ headers, body }: Delivery): GitEvent {
  return eventOf(envelopeOf(headers), JSON.parse(body));
}
const repository = 'team/app';

describe.each(SENDERS)('%s', (sender) => {
  const push = (fields: Omit<Parameters<typeof pushDelivery>[3], 'repository'>) =>
    pushDelivery(sender, SECRET, CLONE, { repository, ...fields });

  it('reads a push', () => {
    const event = read(push({ before: A, after: B, message: 'Subject\n\nBody' }));
    const change = { ref: 'refs/heads/main', before: A, after: B, message: 'Subject\n\nBody' };
    expect(event).toEqual({ kind: 'push', repository, changes: [change] });
  });

  it('reads a new branch with a slash, a tag, a force push', () => {
    const one = (delivery: Delivery) => (read(delivery) as { changes: unknown[] }).changes[0];
    expect(one(push({ ref: 'refs/heads/a/b', after: B }))).toMatchObject({
      ref: 'refs/heads/a/b',
      before: null,
      after: B,
    });
    expect(one(push({ ref: 'refs/tags/v1.0', after: B }))).toMatchObject({
      ref: 'refs/tags/v1.0',
      before: null,
      after: B,
    });
    expect(one(push({ before: B, after: A, forced: true }))).toMatchObject({ before: B, after: A });
  });

  it('reads a deleted branch', () => {
    const { changes } = read(push({ before: A, after: null })) as { changes: unknown[] };
    expect(changes).toEqual([{ ref: 'refs/heads/main', before: A, after: null, message: null }]);
  });

  it('reads a payload of more than 256 KB, keeping little of it', () => {
    const delivery = push({ before: A, after: B, message: 'The newest', padding: 400_000 });
    if (sender !== 'gitlab' && sender !== 'bitbucket') expect(delivery.body.length).toBeGreaterThan(256 * 1024);
    const event = read(delivery);
    expect(event).toMatchObject({ changes: [{ after: B, message: 'The newest' }] });
    expect(JSON.stringify(event).length).toBeLessThan(1000);
  });

  it.each(['opened', 'updated', 'closed'] as const)('reads a pull request: %s', (action) => {
    const event = read(pullDelivery(sender, SECRET, { repository, number: 7, action, commit: A }));
    expect(event).toMatchObject({
      kind: 'pull_request',
      repository,
      pull: {
        number: 7,
        action,
        merged: action === 'closed',
        isFork: false,
        author: 'mona',
        base: { ref: 'main' },
        title: 'A feature',
      },
    });
    const { head } = (event as { pull: { head: { commit: string } } }).pull;
    expect(A.startsWith(head.commit)).toBe(true);
  });

  it('tells a fork', () => {
    const event = read(
      pullDelivery(sender, SECRET, { repository, number: 7, action: 'opened', commit: A, fork: 'eve/app' }),
    );
    expect(event).toMatchObject({ pull: { isFork: true, head: { ref: 'feature', repository: 'eve/app' } } });
  });

  it('knows the secret from everything else', () => {
    const { headers, body } = push({ after: B });
    const { proof } = envelopeOf(headers);
    const proven = (text: string, ...secrets: string[]) => isProven(proof, Buffer.from(text), secrets);
    expect(proven(body, SECRET)).toBe(true);
    expect(proven(body, 'the new one', SECRET)).toBe(true);
    expect(proven(body, 'other')).toBe(false);
    expect(proven(body, `${SECRET} `)).toBe(false);
    expect(proven(body)).toBe(false);
    if (sender !== 'gitlab') expect(proven(`${body} `, SECRET)).toBe(false);
    expect(isProven(null, Buffer.from(body), [SECRET])).toBe(false);
  });

  it('survives what is not as documented', () => {
    const { headers } = push({ after: B });
    const envelope = envelopeOf(headers);
    for (const body of [
      null,
      [],
      'text',
      7,
      {},
      { ref: 5, push: { changes: [null, 7, { new: 'x' }] }, repository: 'x', project: [] },
    ])
      expect(['push', 'other']).toContain(eventOf(envelope, body).kind);
    expect(read(signed(sender, SECRET, 'no such event', {}))).toEqual({ kind: 'other', name: 'no such event' });
  });
});

it('reads several refs of one Bitbucket push, more than three', () => {
  const pushes = ['main', 'a', 'b', 'c', 'd'].map((name) => ({
    repository,
    ref: `refs/heads/${name}`,
    before: A,
    after: B,
  }));
  const event = read(pushDelivery('bitbucket', SECRET, CLONE, pushes[0] as never, ...pushes.slice(1)));
  expect((event as { changes: { ref: string }[] }).changes.map(({ ref }) => ref)).toEqual(
    ['main', 'a', 'b', 'c', 'd'].map((name) => `refs/heads/${name}`),
  );
});

it('reads the commit of an annotated tag at GitLab', () => {
  const body = { ref: 'refs/tags/v1', before: '0'.repeat(40), after: A, checkout_sha: B, project: {}, commits: [] };
  expect(read(signed('gitlab', SECRET, 'Tag Push Hook', body))).toMatchObject({ changes: [{ after: B }] });
});

it('takes a changed title of a merge request for no new code', () => {
  const { headers, body } = pullDelivery('gitlab', SECRET, { repository, number: 7, action: 'updated', commit: A });
  const content = JSON.parse(body);
  delete content.object_attributes.oldrev;
  expect(eventOf(envelopeOf(headers), content)).toMatchObject({ pull: { action: 'edited' } });
});

it('knows Forgejo and refuses what is no webhook', () => {
  const forgejo = {
    'x-forgejo-event': 'push',
    'x-forgejo-delivery': 'id',
    'x-forgejo-signature': 'ab',
    'x-github-event': 'push',
  };
  expect(envelopeOf(forgejo)).toEqual({
    sender: 'gitea',
    event: 'push',
    deliveryId: 'id',
    proof: { kind: 'hmac', value: 'ab' },
  });
  expect(() => envelopeOf({ 'content-type': 'application/json' })).toThrow(
    expect.objectContaining({ code: 'webhook_sender_unknown' }),
  );
});
