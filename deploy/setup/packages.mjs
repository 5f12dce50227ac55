// Installs the npm packages when they are missing or out of date, for scripts that need nothing else.
import { runMain } from './lib/log.mjs';
import { ensurePackages } from './lib/packages.mjs';

await runMain(async () => {
  await ensurePackages();
});
