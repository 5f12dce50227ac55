/** Which images are on the host, known when tests are defined: only then can one be reported as skipped. */
import { execFileSync } from 'node:child_process';

const ASK = `new (require('dockerode'))().listImages()
  .then((images) => console.log(JSON.stringify(images.flatMap(({ RepoTags }) => RepoTags ?? []))))`;

export function presentImages(): string[] {
  return JSON.parse(execFileSync(process.execPath, ['-e', ASK], { encoding: 'utf8' })) as string[];
}
