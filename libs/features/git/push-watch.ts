/** Shows a pusher the deployment of the push, from its first line to its end. */
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { BuildLines, type DeploymentProgress } from '#features/logs/index.js';
import { serviceUrl } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Unavailable } from '#platform/errors.js';
import { announce, detail, farewell, type Outcome, outcomeOf } from './push.output.js';

interface Pushed {
  name: string;
  type: string;
  slug: string;
}

@Injectable()
export class PushWatch implements OnModuleDestroy {
  private readonly stop = new AbortController();

  constructor(
    private readonly build: BuildLines,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws Unavailable `push_interrupted` when this process stops; the deployment goes on without us. */
  async toTheEnd(deploymentId: string, service: Pushed, out: (line: string) => void): Promise<Outcome> {
    const ended = (progress: DeploymentProgress) => outcomeOf(progress) !== null;
    for await (const event of this.build.follow(deploymentId, 0n, ended, this.stop.signal)) {
      if (event.kind === 'lines') {
        for (const { message } of event.lines) out(detail(message));
        continue;
      }
      const outcome = outcomeOf(event.progress);
      if (outcome) return this.finish(outcome, service, out);
      const text = announce(event.progress.status, service.name);
      if (text) out(text);
    }
    throw new Unavailable(
      'push_interrupted',
      `The platform is restarting; deployment ${deploymentId} goes on. Push again later.`,
    );
  }

  onModuleDestroy(): void {
    this.stop.abort();
  }

  private finish(outcome: Outcome, { type, slug }: Pushed, out: (line: string) => void): Outcome {
    const url = type === 'web' ? serviceUrl(slug, this.config) : null;
    for (const line of farewell(outcome, url)) out(line);
    return outcome;
  }
}
