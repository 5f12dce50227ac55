/** Templates: catalogue entries that create services and databases. Field names of the contract; fields beyond it are marked. */
import { z } from 'zod';
import { nouns, singleLine } from './common.js';
import { databasePlanName, databaseType } from './databases.js';
import { serviceType } from './services.js';
import { variableKey, variableValue } from './variables.js';

export const templateId = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
  .max(64)
  .describe('Id of the template, e.g. `wordpress`.');
nouns.add(templateId, { noun: 'template' });

export const templateVariable = z
  .object({
    key: variableKey,
    label: singleLine(1, 100),
    default: z.string().max(4096).optional().describe('May be generated, e.g. `${{secret(32)}}`.'),
    required: z.boolean(),
    secret: z.boolean(),
    description: singleLine(0, 500),
  })
  .meta({ id: 'TemplateVariable' });
export type TemplateVariable = z.output<typeof templateVariable>;

const templatePart = z
  .object({
    key: z.string().describe('Name inside the template; others refer to it as `${{key.VARIABLE}}`.'),
    kind: z.enum(['service', 'database']),
    type: serviceType.optional().describe('Missing for a managed database.'),
    database: databaseType.optional().describe('Type of a managed database.'),
    image: z.string().optional(),
    repository: z.string().optional(),
    port: z.int().optional(),
    health_check: z.string().optional(),
    environment: z.record(z.string(), z.string()),
    volumes: z.array(z.object({ name: z.string(), mount_path: z.string() })),
    depends_on: z.array(z.string()),
  })
  .meta({ id: 'TemplatePart' });
export type TemplatePartView = z.output<typeof templatePart>;

export const templateConfig = z
  .object({
    type: z.string().describe('Service type for created service; `database` for a managed database.'),
    runtime: z.string().optional().describe('Runtime or base image.'),
    build_command: z.string().optional(),
    start_command: z.string().optional(),
    port: z.int().optional(),
    health_check: z.string().optional().describe('Health check path.'),
    environment: z.record(z.string(), z.string()).describe('Default environment variables.'),
    dockerfile: z.string().optional(),
    nixpacks_config: z.record(z.string(), z.string()).optional(),
    parts: z.array(templatePart).describe('Everything the template creates, in the order in which it starts.'),
  })
  .meta({ id: 'TemplateConfig' });
export type TemplateConfig = z.output<typeof templateConfig>;

export const serviceTemplate = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    category: z.string(),
    logo: z.string().describe('Logo URL.'),
    config: z.string().describe('Raw template config JSON string.'),
    variables: z.string().describe('Raw template variables JSON string.'),
    is_official: z.boolean(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'ServiceTemplate' });
export type ServiceTemplate = z.output<typeof serviceTemplate>;

export const listTemplatesQuery = z.object({
  category: z.string().max(64).optional().describe('Keeps templates of this category, e.g. `database`.'),
  search: z.string().max(200).optional().describe('Keeps what has this text in its name or description.'),
});
export const templatesResponse = z.object({ templates: z.array(serviceTemplate) }).meta({ id: 'TemplatesResponse' });
export const templateDetail = z
  .object({ template: serviceTemplate, config: templateConfig, variables: z.array(templateVariable) })
  .meta({ id: 'TemplateDetailResponse' });
export type TemplateDetail = z.output<typeof templateDetail>;

const overrides = z
  .record(variableKey, variableValue)
  .refine((map) => Object.keys(map).length <= 200, 'at most 200 variables')
  .describe(
    'Values for variables of the template. Any other name becomes an environment variable of its main service, also instead of one it has.',
  );

export const deployTemplateRequest = z
  .object({
    project_id: z.guid().describe('Target project ID.'),
    name: singleLine(1, 100).describe('Name for the created service; further parts are called `<name>-<part>`.'),
    plan: databasePlanName.optional().describe('Plan for managed databases. Default: starter.'),
    region: z
      .string()
      .max(64)
      .optional()
      .describe('Region for managed databases. Default: the one of the installation.'),
    variables: overrides.optional(),
  })
  .meta({ id: 'DeployTemplateRequest' });
export type DeployTemplateRequest = z.output<typeof deployTemplateRequest>;

export const deployTemplateResponse = z
  .object({
    resource: z.enum(['service', 'database']).describe('What the main part is.'),
    service_id: z.uuid().optional().describe('The main part, when it is a service.'),
    database_id: z.uuid().optional().describe('The main part, when it is a managed database.'),
    message: z.string(),
    services: z.array(
      z.object({
        key: z.string(),
        kind: z.enum(['service', 'database']),
        service_id: z.uuid().nullable().describe('Null for a managed database.'),
        database_id: z.uuid().nullable().describe('Null for a service.'),
        name: z.string(),
        deployment_id: z
          .uuid()
          .nullable()
          .describe('Null for a managed database, and while the code is still to be pushed.'),
      }),
    ),
  })
  .meta({ id: 'DeployTemplateResponse' });
export type DeployTemplateResponse = z.output<typeof deployTemplateResponse>;

export const planTemplateRequest = z
  .object({
    template_id: z.string().max(64),
    project_id: z.guid().optional().describe('Also looks whether the names are free there.'),
    name: singleLine(1, 100).optional().describe("Default: the template's name."),
    plan: databasePlanName.optional().describe('As for deploying.'),
    region: z.string().max(64).optional().describe('As for deploying.'),
    variables: overrides.optional(),
  })
  .meta({ id: 'PlanTemplateRequest' });
export type PlanTemplateRequest = z.output<typeof planTemplateRequest>;

/** One service or managed database as it would be made; shared with the compose import. */
export const plannedService = z
  .object({
    key: z.string(),
    kind: z.enum(['service', 'database']),
    name: z.string(),
    type: serviceType.nullable().describe('Null for a managed database.'),
    internal_host: z.string(),
    image: z.string().optional(),
    repository: z.string().optional(),
    port: z.int().nullable(),
    health_check_path: z.string().nullable(),
    replicas: z.int(),
    resources: z.object({ cpu: z.string(), memory: z.string() }).partial(),
    volumes: z.array(z.object({ name: z.string(), mount_path: z.string() })),
    variables: z.array(z.object({ key: z.string(), value: z.string(), secret: z.boolean() })),
    depends_on: z.array(z.string()),
    database: z
      .object({ type: databaseType, version: z.string(), plan: databasePlanName, region: z.string() })
      .nullable()
      .describe('Set when it is a managed database.'),
  })
  .meta({ id: 'PlannedService' });
export type PlannedService = z.output<typeof plannedService>;

export const planTemplateResponse = z
  .object({
    template_id: z.string(),
    order: z.array(z.string()).describe('Keys in the order in which the services are made and started.'),
    services: z.array(plannedService),
    message: z.string(),
  })
  .meta({ id: 'PlanTemplateResponse' });
