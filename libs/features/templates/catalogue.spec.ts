import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CATALOGUE_FOLDER, loadCatalogue, requireTemplate } from './catalogue.js';
import { CATEGORIES } from './template-file.js';
import { missingVariables } from './templates.plan.js';

describe('the official catalogue', () => {
  const catalogue = loadCatalogue();

  it('has every file, in every category, at least 25', () => {
    expect(catalogue).toHaveLength(readdirSync(CATALOGUE_FOLDER).filter((name) => name.endsWith('.json')).length);
    expect(catalogue.length).toBeGreaterThanOrEqual(25);
    expect(new Set(catalogue.map(({ category }) => category))).toEqual(new Set(CATEGORIES));
  });

  it('checks the health of every web part that has an image over HTTP', () => {
    const unchecked = catalogue.flatMap(({ id, parts }) =>
      Object.values(parts).flatMap((part) =>
        'type' in part && part.type === 'web' && part.source?.image && !part.health_check_path ? [id] : [],
      ),
    );
    expect(unchecked).toEqual([]);
  });

  it('asks the user for nothing that it could generate', () => {
    const asking = catalogue.flatMap((file) => missingVariables(file, {}).map(({ key }) => `${file.id} ${key}`));
    expect(asking).toEqual(['directus ADMIN_EMAIL']);
  });
});

describe('an entry is refused when', () => {
  const good = () => ({
    id: 'shop',
    name: 'Shop',
    description: 'Sells things to people.',
    category: 'cms',
    logo: 'https://example.com/logo.png',
    website: 'https://example.com',
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    variables: [{ key: 'TITLE', label: 'Title', default: 'Shop' }],
    main: 'web',
    parts: {
      db: { database: 'postgresql' },
      web: {
        type: 'web',
        source: { type: 'image', image: 'shop:1.2.3' },
        port: 80,
        environment: { TITLE: '${{TITLE}}', DATABASE_URL: '${{db.URL}}' },
      },
    },
  });
  // biome-ignore lint/suspicious/noExplicitAny: entries with faults have no type
  const faulty = (change: (entry: any) => void) => {
    const entry = good();
    change(entry);
    return () => requireTemplate(entry);
  };

  it('(the good one is taken)', () => expect(requireTemplate(good()).id).toBe('shop'));

  it.each<[string, (entry: ReturnType<typeof good> & Record<string, never>) => void, RegExp]>([
    ['it refers to a part that is not there', (e) => set(e, 'DATABASE_URL', '${{cache.URL}}'), /cache/],
    ['it refers to a value that is not there', (e) => set(e, 'DATABASE_URL', '${{db.NOTHING}}'), /db\.NOTHING/],
    ['it refers to a variable that is not declared', (e) => set(e, 'TITLE', '${{TITLE}} ${{SUBTITLE}}'), /SUBTITLE/],
    ['a generator is unknown', (e) => set(e, 'TITLE', '${{TITLE}} ${{entropy(3)}}'), /entropy/],
    ['a generator asks for too much', (e) => set(e, 'TITLE', '${{TITLE}} ${{secret(9999)}}'), /1 to 256/],
    ['an expression is not closed', (e) => set(e, 'TITLE', '${{TITLE'), /without closing/],
    ['a variable is never used', (e) => set(e, 'TITLE', 'x'), /TITLE is not used/],
    ['values need each other', (e) => set(e, 'A', '${{self.B}}', 'B', '${{web.A}}'), /web\.A -> web\.B -> web\.A/],
    ['the main part is missing', (e) => Object.assign(e, { main: 'site' }), /"site"/],
    ['a dependency is missing', (e) => Object.assign(e.parts.web, { depends_on: ['cache'] }), /"cache"/],
    [
      'parts need each other',
      (e) =>
        Object.assign(e.parts, {
          job: { type: 'worker', source: e.parts.web.source, depends_on: ['web'] },
          web: { ...e.parts.web, depends_on: ['job'] },
        }),
      /web -> job -> web|job -> web -> job/,
    ],
    ['a database waits for another part', (e) => Object.assign(e.parts.db, { depends_on: ['web'] }), /depends_on/],
    ['a tag moves', (e) => Object.assign(e.parts.web.source, { image: 'shop:latest' }), /exact tag/],
    ['there is no tag', (e) => Object.assign(e.parts.web.source, { image: 'shop' }), /exact tag/],
    ['the engine has no such version', (e) => Object.assign(e.parts.db, { version: '1.0' }), /no version 1\.0/],
    ['a key is misspelt', (e) => Object.assign(e.parts.web, { enviroment: {} }), /enviroment|Invalid input/],
    ['a part has no legal name', (e) => Object.assign(e.parts, { self: e.parts.db }), /self/],
    ['the category is unknown', (e) => Object.assign(e, { category: 'other' }), /category/],
  ])('%s', (_what, change, words) => expect(faulty(change)).toThrow(words));

  it('its file has another name, and the file is named', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'catalogue-'));
    writeFileSync(path.join(folder, 'store.json'), JSON.stringify(good()));
    expect(() => loadCatalogue(folder)).toThrow('template store.json: its id is "shop"');
    rmSync(folder, { recursive: true });
  });

  function set(entry: ReturnType<typeof good>, ...pairs: string[]): void {
    const environment = entry.parts.web.environment as Record<string, string>;
    for (let at = 0; at < pairs.length; at += 2) environment[pairs[at] as string] = pairs[at + 1] as string;
  }
});
