import { Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/projects.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams, ValidQuery } from '#platform/http/index.js';
import { ProjectsService } from './projects.service.js';

const tag = 'Projects';
const params = z.object({ id: idOf('project') });
type ById = { id: string };
const one = { status: 200, schema: contract.project };

@Controller('projects')
export class ProjectsController {
  constructor(private readonly projects: ProjectsService) {}

  @Get()
  @Operation({
    summary: 'List projects',
    tag,
    query: contract.listProjectsQuery,
    about: 'project',
    returns: { status: 200, schema: contract.projectsResponse },
  })
  list(
    @CurrentUser() caller: Caller,
    @ValidQuery() query: contract.ListProjectsQuery,
  ): Promise<contract.ProjectsResponse> {
    return this.projects.list(caller, query);
  }

  @Post()
  @Operation({ summary: 'Create project', tag, body: contract.createProjectRequest, returns: { ...one, status: 201 } })
  create(@CurrentUser() caller: Caller, @ValidBody() body: contract.CreateProjectRequest): Promise<contract.Project> {
    return this.projects.create(caller, body);
  }

  @Get(':id')
  @Operation({ summary: 'Get project', tag, params, returns: one })
  get(@CurrentUser() caller: Caller, @ValidParams() { id }: ById): Promise<contract.Project> {
    return this.projects.get(caller, id);
  }

  @Put(':id')
  @Operation({
    summary: 'Update project',
    tag,
    params,
    body: contract.updateProjectRequest,
    needs: 'admin',
    returns: one,
  })
  update(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidBody() body: contract.UpdateProjectRequest,
  ): Promise<contract.Project> {
    return this.projects.update(caller, id, body);
  }

  @Delete(':id')
  @Operation({
    summary: 'Delete project',
    description: 'Its services stop and are removed; volumes stay as tombstones.',
    tag,
    params,
    needs: 'owner',
    returns: { status: 204 },
  })
  remove(@CurrentUser() caller: Caller, @ValidParams() { id }: ById): Promise<void> {
    return this.projects.remove(caller, id);
  }
}
