// npm start: runs the platform until Ctrl-C or SIGTERM.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { runMain, say } from './lib/log.mjs';
import { ensureMachine } from './lib/machine.mjs';
import { takeOwnShare } from './lib/own-share.mjs';
import { ROOT } from './lib/packages.mjs';
import { Platform } from './lib/platform.mjs';
import { readSettings } from './lib/settings.mjs';
import { aborted, onStopSignals } from './lib/signals.mjs';

function announce(platform) {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const { dataDir, baseDomain, ports } = platform.settings;
  say(`\nContainr ${version} is running.`);
  say(`  Dashboard  ${platform.apiUrl}`);
  say(`  API        ${platform.apiUrl}/api/v1 (reference: ${platform.apiUrl}/docs)`);
  say(`  Apps       http://<app>.${baseDomain}:${ports.http}`);
  say(`  Data       ${dataDir}`);
  say('Stop it with Ctrl-C.\n');
}

async function main() {
  const settings = readSettings();
  const signals = onStopSignals();
  await ensureMachine();
  signals.asked.throwIfAborted();
  takeOwnShare();
  const platform = new Platform({ settings, echo: true });
  await platform.start(signals.asked);
  announce(platform);
  await aborted(signals.asked);
  say('Stopping ...');
  signals.hurried.addEventListener('abort', () => platform.hurry());
  await platform.stop();
}

await runMain(main);
process.exit();
