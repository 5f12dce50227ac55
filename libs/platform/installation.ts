/** Who we are on a Docker Engine that others may share: read once from the database, then remembered. */
import { Injectable } from '@nestjs/common';
import { PrismaService } from './prisma/prisma.service.js';

@Injectable()
export class Installation {
  private known: string | null = null;

  constructor(private readonly db: PrismaService) {}

  async id(): Promise<string> {
    this.known ??= (await this.db.installation.findUniqueOrThrow({ where: { id: 1 } })).installationId;
    return this.known;
  }
}
