import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { EgressGuard } from '#platform/egress.js';
import { bytesOf, objectStoreConformance } from '../conformance.js';
import { startS3, type TestS3 } from '../testing/s3-server.js';
import type { S3Options } from './s3-client.js';
import { S3Store } from './s3-store.js';

const guard = new EgressGuard({ allow: ['127.0.0.0/8'], deny: [] });
const never = new AbortController().signal;

async function* of(...chunks: string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

objectStoreConformance('S3', async () => {
  const server = await startS3();
  return {
    store: new S3Store(server.options, guard),
    again: () => new S3Store(server.options, guard),
    dispose: () => server.close(),
  };
});

describe('a target that does not work', () => {
  let server: TestS3;
  beforeAll(async () => {
    server = await startS3();
  });
  afterAll(() => server.close());
  const check = (change: Partial<S3Options>) => new S3Store({ ...server.options, ...change }, guard).check(never);

  it.each([
    ['a wrong key id', { accessKeyId: 'somebody' }, 'object_store_denied'],
    ['a wrong secret', { secretAccessKey: 'wrong' }, 'object_store_denied'],
    ['no such bucket', { bucket: 'no-such-bucket' }, 'object_store_missing'],
    ['a closed port', { endpoint: 'http://127.0.0.1:1' }, 'object_store_unreachable'],
    ['no such host', { endpoint: 'http://no-such-host.invalid' }, 'host_not_found'],
  ])('says so: %s', async (_what, change, code) => {
    await expect(check(change)).rejects.toMatchObject({ code });
  });

  it('is not dialled where the egress guard forbids it', async () => {
    const strict = new EgressGuard({ allow: [], deny: [] });
    await expect(new S3Store(server.options, strict).check(never)).rejects.toMatchObject({ code: 'url_refused' });
  });
});

describe('a server of our own that misbehaves', () => {
  let seen: string[];
  let answer: (request: http.IncomingMessage, response: http.ServerResponse) => void;
  let server: http.Server;
  let store: S3Store;

  beforeEach(async () => {
    seen = [];
    server = http.createServer((request, response) => {
      request.resume();
      seen.push(`${request.method} ${request.url}`);
      request.on('end', () => answer(request, response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const keys = { accessKeyId: 'a', secretAccessKey: 'b' };
    store = new S3Store({ endpoint, region: 'r', bucket: 'b', prefix: '', ...keys }, guard);
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const fail = (status: number, code: string) => (response: http.ServerResponse) => {
    response.writeHead(status).end(`<Error><Code>${code}</Code><Message>No &amp; never</Message></Error>`);
  };

  it('tries again what may pass by itself', async () => {
    answer = (_request, response) => (seen.length < 3 ? fail(503, 'SlowDown')(response) : response.end());
    expect(await store.put('a', of('x'), never)).toEqual({ bytes: 1 });
    expect(seen).toEqual(['PUT /b/a', 'PUT /b/a', 'PUT /b/a']);
  });

  it.each([
    [507, 'InsufficientStorage', 'object_store_full', 507],
    [400, 'XMinioStorageFull', 'object_store_full', 507],
    [403, 'QuotaExceeded', 'object_store_full', 507],
    [400, 'Weird', 'object_store_refused', 400],
  ])('maps %d %s', async (status, said, code, ours) => {
    answer = (_request, response) => fail(status, said)(response);
    await expect(store.put('a', of('x'), never)).rejects.toMatchObject({ code, status: ours });
    expect(seen).toHaveLength(1);
  });

  it('does not believe a completion that failed inside a 200', async () => {
    const xml = (text: string) => (response: http.ServerResponse) => response.setHeader('etag', '"e"').end(text);
    answer = (request, response) => {
      if (request.url?.includes('uploads')) xml('<R><UploadId>u</UploadId></R>')(response);
      else if (request.method === 'POST') xml('<Error><Code>InternalError</Code></Error>')(response);
      else xml('')(response);
    };
    async function* large() {
      for (let index = 0; index < 17; index++) yield Buffer.alloc(2 ** 20);
    }
    await expect(store.put('a', large(), never)).rejects.toMatchObject({ code: 'object_store_unreachable' });
    expect(seen.at(-1)).toBe('DELETE /b/a?uploadId=u');
  }, 60_000);

  it('aborts the uploads that a killed process left, and only those below the key', async () => {
    const upload = (key: string) => `<Upload><Key>${key}</Key><UploadId>id-${key.at(-1)}</UploadId></Upload>`;
    answer = (request, response) => {
      const uploads = request.url?.includes('uploads=');
      response.end(uploads ? `<R>${upload('x/a/1')}${upload('x/a/2')}${upload('x/ab/3')}</R>` : '<R></R>');
    };
    await store.remove('x/a', never);
    expect(seen.filter((line) => line.includes('uploadId'))).toEqual([
      'DELETE /b/x/a/1?uploadId=id-1',
      'DELETE /b/x/a/2?uploadId=id-2',
    ]);
  });

  it('reads on pages', async () => {
    const page = (key: string, next: string) =>
      `<R><Contents><Key>${key}</Key><Size>3</Size></Contents>${next && `<NextContinuationToken>${next}</NextContinuationToken>`}</R>`;
    answer = (request, response) =>
      response.end(request.url?.includes('continuation-token=t%3D1') ? page('x/2', '') : page('x/1', 't=1'));
    const keys: string[] = [];
    for await (const { key } of store.list('x', never)) keys.push(key);
    expect(keys).toEqual(['x/1', 'x/2']);
  });

  it('breaks off when the server stops in the middle of an object', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setImmediate(() => response.destroy());
    };
    await expect(store.get('a', never).then(bytesOf)).rejects.toMatchObject({ code: 'object_store_unreachable' });
  });
});
