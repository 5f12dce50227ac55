/** The form of a catalogue entry, deploy/templates/<id>.json. Checked when the catalogue is loaded. */
import { z } from 'zod';
import { singleLine } from '#contracts/common.js';
import { createServiceRequest } from '#contracts/services.js';
import { templateId, templateVariable } from '#contracts/templates.js';
import { variableKey } from '#contracts/variables.js';
import { DATABASE_ENGINES } from '#features/stacks/index.js';

export const CATEGORIES = [
  'database',
  'web-server',
  'cms',
  'analytics',
  'automation',
  'developer-tools',
  'monitoring',
  'storage',
  'productivity',
  'starter',
] as const;

/** `self` would mean every part. */
const partKey = z
  .string()
  .regex(/^[a-z][a-z0-9]{0,15}$/, 'must be 1 to 16 lower-case letters and digits, starting with a letter')
  .refine((key) => key !== 'self', '"self" already means the part itself');
const dependsOn = z.array(partKey).default([]);

/** A service with the fields of `POST /projects/{id}/services`, except what every deployment decides for itself. */
const servicePart = z.strictObject({
  ...createServiceRequest.omit({ name: true }).shape,
  environment: z.record(variableKey, z.string()).default({}),
  depends_on: dependsOn,
});

/** It waits for nobody, and its memory is that of its plan. */
const databasePart = z.strictObject({
  database: z.enum(DATABASE_ENGINES),
  /** Exact tag of the engine's image; default: the engine's. */
  version: z.string().optional(),
});

export const templateFile = z.strictObject({
  id: templateId,
  name: singleLine(1, 60),
  description: singleLine(10, 300),
  category: z.enum(CATEGORIES),
  logo: z.url({ protocol: /^https$/ }),
  website: z.url({ protocol: /^https$/ }),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  variables: z
    .array(templateVariable.partial({ required: true, secret: true, description: true }))
    .default([])
    .transform((list) =>
      list.map((given) => ({
        ...given,
        required: given.required ?? false,
        secret: given.secret ?? false,
        description: given.description ?? '',
      })),
    ),
  /** The part that gets the name the user chose. */
  main: partKey,
  parts: z.record(partKey, z.union([databasePart, servicePart])),
});
export type TemplateFile = z.output<typeof templateFile>;
export type FilePart = TemplateFile['parts'][string];
