import { type Config, publicUrl } from '#platform/config.js';

/** Where a git host sends its deliveries. */
export function hookUrl(config: Config, hookId: string): string {
  return `${publicUrl(config)}/api/v1/webhooks/git/${hookId}`;
}
