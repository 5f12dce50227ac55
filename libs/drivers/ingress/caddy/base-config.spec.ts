/** How long one request may meet a replica that is gone. */
import { baseConfig } from './base-config.js';

const config = JSON.stringify(
  baseConfig({
    adminSocket: '/a.sock',
    httpPort: 80,
    httpsPort: 443,
    baseDomain: 'apps.test',
    routesDir: '/routes',
  } as Parameters<typeof baseConfig>[0]),
);

const millisecondsOf = (name: string): number => {
  const [, amount, unit] = new RegExp(`"${name}":"([0-9]+)(ms|s)"`).exec(config) ?? [];
  return Number(amount) * (unit === 's' ? 1000 : 1);
};

it('tries so often that even one of two replicas can be gone: fewer than 1 request of 10,000 meets it every time', () => {
  const tries = millisecondsOf('try_duration') / (millisecondsOf('dial_timeout') + millisecondsOf('try_interval'));
  expect(config).toContain('"selection_policy":{"policy":"random"}'); // in turn, tries would not be independent
  expect(0.5 ** Math.floor(tries)).toBeLessThan(1e-4);
});
