import { commandOf, portOf, releaseNames } from './release-config.js';

describe('start command', () => {
  it.each([
    ['node server.js', ['node', 'server.js']],
    ['python -m http.server  8000', ['python', '-m', 'http.server', '8000']],
    [`node -e "console.log(1)"`, ['/bin/sh', '-c', `node -e "console.log(1)"`]],
    [`app --name "two words"`, ['app', '--name', 'two words']],
    [`app --name=''`, ['/bin/sh', '-c', `app --name=''`]],
    ['exec app $PORT', ['/bin/sh', '-c', 'exec app $PORT']],
    ['NODE_ENV=production node x.js', ['/bin/sh', '-c', 'NODE_ENV=production node x.js']],
    ['a && b', ['/bin/sh', '-c', 'a && b']],
  ])('%s', (text, expected) => expect(commandOf(text)).toEqual(expected));
});

describe('port', () => {
  it.each([
    ['the setting of the service first', { port: 1, variables: { PORT: '2' } }, [3], 1],
    ['then the variable PORT', { port: null, variables: { PORT: '2' } }, [3], 2],
    ['then the single EXPOSE', { port: null, variables: {} }, [3], 3],
    ['several EXPOSE say nothing', { port: null, variables: {} }, [3, 4], 3000],
    ['a PORT that is no port says nothing', { port: null, variables: { PORT: 'x' } }, [], 3000],
  ])('%s', (_rule, config, exposed, expected) => expect(portOf(config, exposed)).toBe(expected));
});

it('names each replica, different for each deployment', () => {
  const one = releaseNames({ alias: 'web', replicas: 2 }, '11111111-1111-4111-8111-111111111111');
  const two = releaseNames({ alias: 'web', replicas: 2 }, '11111111-1111-4111-8111-111111111112');
  expect(one).toHaveLength(2);
  expect(new Set([...one, ...two]).size).toBe(4);
});
