/** What `mariadb --xml` prints: one <row> per row, NULL marked with xsi:nil. */
import type { QueryAnswer } from './engine.js';

const SIGNS: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'", '&amp;': '&' };
const plain = (text: string) => text.replace(/&(lt|gt|quot|apos|amp);/g, (sign) => SIGNS[sign] ?? sign);

export function xmlAnswer(stdout: string): QueryAnswer {
  const rows: (string | null)[][] = [];
  let columns: string[] = [];
  for (const [, row = ''] of stdout.matchAll(/<row>([\s\S]*?)<\/row>/g)) {
    const fields = [...row.matchAll(/<field name="([^"]*)"(?: xsi:nil="true" \/>|>([\s\S]*?)<\/field>)/g)];
    if (rows.length === 0) columns = fields.map(([, name = '']) => plain(name));
    rows.push(fields.map(([, , value]) => (value === undefined ? null : plain(value))));
  }
  return { columns, rows };
}
