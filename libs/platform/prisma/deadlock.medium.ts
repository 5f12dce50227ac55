import { testConfig } from '../testing/config.js';
import { createTestDatabase, type TestDatabase } from '../testing/database.js';
import { PrismaService, repeatOnDeadlock, type Tx } from './prisma.service.js';

let database: TestDatabase;
let db: PrismaService;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.query('CREATE TABLE pair (id int PRIMARY KEY, n int NOT NULL)');
  await database.query('INSERT INTO pair VALUES (1, 0), (2, 0)');
  db = new PrismaService(testConfig({ DATABASE_URL: database.url }));
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

const add = (tx: Tx, id: number) => tx.$executeRaw`UPDATE pair SET n = n + 1 WHERE id = ${id}`;

/** Two transactions that have one row each before either asks for the other's; the first attempt of both, that is. */
function crossing() {
  let waiting = 2;
  let open = () => {};
  const both = new Promise<void>((resolve) => {
    open = resolve;
  });
  return (first: number, second: number) => () =>
    db.$transaction(async (tx) => {
      await add(tx, first);
      waiting -= 1;
      if (waiting === 0) open();
      await both;
      await add(tx, second);
    });
}

it('carries out again what PostgreSQL ended, and only that', async () => {
  const plain = crossing();
  const ended = await Promise.allSettled([plain(1, 2)(), plain(2, 1)()]);
  expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const repeated = crossing();
  await Promise.all([repeatOnDeadlock(repeated(1, 2)), repeatOnDeadlock(repeated(2, 1))]);
  // One of the first two, both of the others.
  expect(await database.query('SELECT n FROM pair')).toEqual([{ n: 3 }, { n: 3 }]);
  const refusal = jest.fn().mockRejectedValue(new Error('no'));
  await expect(repeatOnDeadlock(refusal)).rejects.toThrow('no');
  expect(refusal).toHaveBeenCalledTimes(1);
});
