import { readFileSync } from 'node:fs';
import path from 'node:path';
import { contract, type Document, LATER, operationsOf, violations } from './contract.js';
import { missing } from './superset.js';

const ours: Document = JSON.parse(readFileSync(path.resolve(__dirname, '../../openapi.json'), 'utf8'));
const changed = (change: (document: Document) => void): Document => {
  const copy = structuredClone(ours);
  change(copy);
  return copy;
};

it('openapi.json holds everything that the contract does', () => {
  expect(missing(contract, ours, LATER)).toEqual([]);
});

it('what is not built yet is not there either', () => {
  const later = operationsOf(contract).filter(({ path }) => LATER(path));
  expect(later.filter(({ path }) => ours.paths[path])).toEqual([]);
});

it('notices what is missing', () => {
  const found = (change: (document: Document) => void) => missing(contract, changed(change), LATER);
  expect(found((one) => delete one.paths['/builds'])).toEqual(['GET /builds is missing', 'POST /builds is missing']);
  expect(found((one) => one.paths['/projects']?.get?.parameters?.splice(0, 1)).join()).toMatch(/parameter \w+ is missing/);
  expect(found((one) => delete one.paths['/projects/{id}']?.get?.responses['200']).join()).toContain('status 200');
  const schemas = (one: Document) => one.components.schemas;
  expect(found((one) => delete schemas(one).Service?.properties?.resources).join()).toContain('.resources is missing');
  expect(found((one) => schemas(one).CreateProjectRequest?.required?.push('description')).join()).toContain('is required');
  const narrower = (one: Document) => {
    const status = schemas(one).Service?.properties?.status;
    if (status) status.enum = ['running'];
  };
  expect(found(narrower).join()).toContain('value "failed" is missing');
});

it('an answer that breaks the contract is noticed', () => {
  const read = operationsOf(contract).find(({ name }) => name === 'GET /services/{id}');
  if (!read) throw new Error('no such operation');
  const seen = (status: number, body: unknown) => violations(read, { status, contentType: 'application/json', body });
  expect(seen(200, { id: 'a', status: 'running' })).toEqual([]);
  expect(seen(200, { id: 7 }).join()).toContain('must be string');
  expect(seen(200, { status: 'sleeping' }).join()).toContain('allowed values');
  expect(seen(201, {}).join()).toContain('not declared');
  expect(seen(404, { error: 'gone', code: 'service_not_found', details: {} })).toEqual([]);
  expect(seen(404, { error: 'gone' }).join()).toContain('lacks');
});
