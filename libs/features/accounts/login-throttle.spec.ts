import { network } from './login-throttle.js';

describe('what counts as one address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:aaaa:bbbb:cccc:dddd', '2001:db8:1:2::'],
    ['2001:db8:1:2::1', '2001:db8:1:2::'],
    ['unknown', 'unknown'],
  ])('%s -> %s', (address, expected) => {
    expect(network(address)).toBe(expected);
  });
});
