/** Runtime variables of a service. */
import { z } from 'zod';

export const variableKey = z
  .string()
  .max(256)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be letters, digits and underscores, not starting with a digit')
  .refine((key) => !key.toUpperCase().startsWith('CONTAINR_'), 'names starting with CONTAINR_ are set by the platform');
/** One environment string may not exceed 128 KiB on Linux (MAX_ARG_STRLEN); name and `=` included. */
export const variableValue = z
  .string()
  .max(65_536)
  .refine((value) => !value.includes('\0'), 'must not contain a NUL character');

/** What reading shows instead of a value that is secret, or not for the reader. Writing it back keeps the stored value. */
export const MASK = '********';

export const putVariablesRequest = z
  .object({
    variables: z
      .record(
        variableKey,
        z.union([variableValue, z.object({ value: variableValue.optional(), secret: z.boolean().default(false) })]),
      )
      .refine((map) => Object.keys(map).length <= 500, 'at most 500 variables')
      .describe(
        `All runtime variables: what is missing is removed. A variable without value, or with "${MASK}", keeps its value.`,
      ),
  })
  .meta({ id: 'PutVariablesRequest' });
export type PutVariablesRequest = z.output<typeof putVariablesRequest>;

export const variablesResponse = z
  .object({
    variables: z.array(
      z.object({
        key: z.string(),
        value: z.string().describe(`"${MASK}" for secrets, and for who may only read.`),
        secret: z.boolean(),
        updated_at: z.iso.datetime(),
      }),
    ),
    message: z.string(),
  })
  .meta({ id: 'VariablesResponse' });
