/** CSV as psql writes it (RFC 4180): fields with quotes, commas or line ends are quoted, quotes doubled. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const fields = /("(?:[^"]|"")*"|[^",\n\r]*)(,|\r?\n|$)/g;
  for (let at = 0; at < text.length; ) {
    fields.lastIndex = at;
    const found = fields.exec(text);
    if (!found || found.index !== at) break;
    const [all, field = '', end = ''] = found;
    row.push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
    at += all.length;
    if (end === ',' && at < text.length) continue;
    if (end === ',') row.push('');
    rows.push(row);
    row = [];
  }
  return rows;
}
