/** Building blocks that every noun's schemas share. */
import { z } from 'zod';

/** The answer to every request that fails. `code` is stable: clients may branch on it; `error` is for people. */
export const problem = z
  .object({
    error: z.string().describe('What went wrong and what to do next.'),
    code: z.string().describe('Stable, snake_case.'),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Error' });
export type Problem = z.output<typeof problem>;

/** Which noun an id names, so that a malformed id answers exactly as an unknown one does: `<noun>_not_found`. */
export const nouns = z.registry<{ noun: string }>();
const ids = new Map<string, z.ZodGUID>();

/** Id of one noun in a path, e.g. `z.object({ id: idOf('project') })`. */
export function idOf(noun: string): z.ZodGUID {
  const known = ids.get(noun);
  if (known) return known;
  const schema = z.guid().describe(`Id of the ${noun}.`);
  nouns.add(schema, { noun });
  ids.set(noun, schema);
  return schema;
}

const CONTROL = /\p{Cc}/u;
const CONTROL_EXCEPT_LAYOUT = /[^\P{Cc}\t\r\n]/u;

/** One line that people read: trimmed, any language and emoji, no control characters. Length in characters as a person counts code points. */
export function singleLine(min: number, max: number) {
  return z
    .string()
    .trim()
    .refine((text) => !CONTROL.test(text), 'must not contain control characters')
    .superRefine(lengthBetween(min, max))
    .meta({ minLength: min, maxLength: max });
}

/** Text of several lines: tabs and line ends are allowed, other control characters are not. */
export function multiLine(max: number) {
  return z
    .string()
    .refine((text) => !CONTROL_EXCEPT_LAYOUT.test(text), 'must not contain control characters')
    .superRefine(lengthBetween(0, max))
    .meta({ maxLength: max });
}

/** zod counts UTF-16 units, where one emoji is two: limits that people are told are in code points. */
function lengthBetween(min: number, max: number) {
  return (text: string, context: z.RefinementCtx): void => {
    const length = text.length <= min || text.length > max ? [...text].length : text.length;
    if (length < min)
      context.addIssue({
        code: 'custom',
        message: length === 0 ? 'must not be empty' : `must be at least ${min} characters`,
      });
    if (length > max)
      context.addIssue({ code: 'custom', message: `must be at most ${max} characters (got ${length})` });
  };
}

/** Counting stops here, so that a list never costs more than its page: a total of 10001 means "more than 10,000". */
export const COUNT_LIMIT = 10_001;

export const pageQuery = z.object({
  page: z.coerce.number().int().min(1).default(1).describe('Page number, from 1.'),
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Items per page.'),
  search: z.string().max(200).optional().describe('Keeps what contains this text, upper and lower case alike.'),
});
export type PageQuery = z.output<typeof pageQuery>;

export const pagination = z
  .object({
    page: z.int().describe('Current page number.'),
    limit: z.int().describe('Items per page.'),
    total: z.int().describe('Number of items; 10001 means more than 10,000.'),
    total_pages: z.int().describe('Number of pages that hold `total` items.'),
  })
  .meta({ id: 'Pagination' });
export type Pagination = z.output<typeof pagination>;

export function paginationOf(query: Pick<PageQuery, 'page' | 'limit'>, total: number): Pagination {
  return { page: query.page, limit: query.limit, total, total_pages: Math.ceil(total / query.limit) };
}

export const messageResponse = z.object({ message: z.string() }).meta({ id: 'MessageResponse' });
