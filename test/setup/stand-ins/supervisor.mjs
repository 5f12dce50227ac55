// A supervisor of its own for tests that kill one: private servers in the data folder of the first argument.
import { Platform } from '../../../deploy/setup/lib/platform.mjs';
import { freeSettings } from '../../../deploy/setup/lib/settings.mjs';

const { DATABASE_URL: _db, REDIS_URL: _redis, ...env } = process.env;
const settings = await freeSettings(process.argv[2], env);
const platform = new Platform({ settings, env, entries: null, docker: false });
await platform.start();
process.send(platform.supervisor.processes());
setInterval(() => {}, 1000);
