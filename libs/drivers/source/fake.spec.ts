import { randomUUID } from 'node:crypto';
import { Unavailable } from '#platform/errors.js';
import { fetchRequest, sourceConformance } from './conformance.js';
import { FakeSource } from './fake.js';

let source = new FakeSource();
beforeEach(() => {
  source = new FakeSource();
});

sourceConformance('fake', () => ({
  source,
  remote: async (options) => {
    const url = `https://git.example/${randomUUID()}.git`;
    Object.assign(source.remote(url), options);
    return url;
  },
  commit: async (url, branch, files, subject) => source.commit(url, branch, files, subject),
  push: async (repository, branch, files) => source.push(repository, branch, files),
}));

describe('FakeSource', () => {
  it('fails once on demand', async () => {
    const url = 'https://git.example/a.git';
    const commit = source.commit(url, 'main', { a: '1' });
    source.failNext(new Unavailable('repository_unreachable', 'down'));
    const never = new AbortController().signal;
    await expect(source.fetch(fetchRequest(url), never)).rejects.toMatchObject({ code: 'repository_unreachable' });
    await expect(source.fetch(fetchRequest(url), never)).resolves.toMatchObject({ commit });
  });
});
