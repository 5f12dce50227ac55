/** Version of the product, from package.json: found upwards, because compiled files lie one folder deeper than sources. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export function productRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) {
    if (folder === path.dirname(folder)) throw new Error('package.json is missing above the installed files');
    folder = path.dirname(folder);
  }
  return folder;
}

export const PRODUCT_VERSION: string = JSON.parse(
  readFileSync(path.join(productRoot(), 'package.json'), 'utf8'),
).version;
