import { z } from 'zod';
import { configSchema } from './config.js';
import { configPage, describeConfig, envExample } from './config-docs.js';

describe('the reference of the configuration', () => {
  const settings = describeConfig(configSchema);
  const named = (name: string) => settings.find((setting) => setting.name === name);

  it('has every setting, each with words', () => {
    expect(settings.map(({ name }) => name)).toEqual(Object.keys(configSchema.shape));
    for (const { name, description } of settings) expect([name, description.length > 10]).toEqual([name, true]);
  });

  it('knows defaults as they are written, and what is required', () => {
    expect(named('PORT')).toMatchObject({ fallback: '8080', required: false, values: 'whole number, 1 to 65535' });
    expect(named('CONTAINR_DATA_DIR')).toMatchObject({ fallback: './.containr' });
    expect(named('CONTAINR_JWT_KEY')).toMatchObject({ fallback: null, required: true });
    expect(named('CONTAINR_PUBLIC_URL')).toMatchObject({ fallback: '', required: false });
    expect(named('CONTAINR_LOG_LEVEL')).toMatchObject({ values: '`debug`, `info`, `warn`, `error`' });
    expect(named('CONTAINR_TRUST_PROXY')).toMatchObject({ fallback: 'false', values: '`true`, `false`' });
  });

  it('writes both files', () => {
    const some = describeConfig(
      z.object({ A: z.string().default('x').describe('The a|b.'), B: z.string().describe('The <b>.') }),
    );
    expect(envExample(some)).toMatch(/\n# The a\|b\.\n#A=x\n\n# The <b>\.\n#B=\n$/);
    expect(configPage(some)).toContain(
      '| `A` | text | `x` | The a\\|b. |\n| `B` | text | **required** | The &lt;b>. |\n',
    );
  });
});
