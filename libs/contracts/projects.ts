/** Projects: what services live in. */
import { z } from 'zod';
import { multiLine, pageQuery, pagination, singleLine } from './common.js';
import { projectRole } from './members.js';

const name = singleLine(1, 100).describe('Any language, emoji too.');
const description = multiLine(2000);

export const project = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    owner_id: z.string(),
    created_at: z.string().meta({ format: 'date-time' }),
    updated_at: z.string().meta({ format: 'date-time' }),
    role: projectRole.describe('What the caller is in it.'),
    services_count: z.int(),
  })
  .meta({ id: 'Project' });
export type Project = z.output<typeof project>;

export const listProjectsQuery = pageQuery;
export type ListProjectsQuery = z.output<typeof listProjectsQuery>;

export const projectsResponse = z.object({ projects: z.array(project), pagination }).meta({ id: 'ProjectsResponse' });
export type ProjectsResponse = z.output<typeof projectsResponse>;

export const createProjectRequest = z
  .object({ name, description: description.default('') })
  .meta({ id: 'CreateProjectRequest' });
export type CreateProjectRequest = z.output<typeof createProjectRequest>;

export const updateProjectRequest = z
  .object({ name: name.optional(), description: description.optional() })
  .meta({ id: 'UpdateProjectRequest' });
export type UpdateProjectRequest = z.output<typeof updateProjectRequest>;
