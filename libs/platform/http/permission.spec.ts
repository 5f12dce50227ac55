import { allows, greatest, type Permission, rolesFor, scopeFor } from './permission.js';

it.each<[Permission, string[], string]>([
  ['read', ['viewer', 'developer', 'admin', 'owner'], 'read'],
  ['deploy', ['developer', 'admin', 'owner'], 'deploy'],
  ['write', ['developer', 'admin', 'owner'], 'write'],
  ['admin', ['admin', 'owner'], 'admin'],
  ['owner', ['owner'], 'admin'],
])('%s is for %j, and for tokens with the scope %s', (needs, roles, scope) => {
  expect(rolesFor(needs)).toEqual(roles);
  expect(scopeFor(needs)).toBe(scope);
});

it('includes the lesser, never the greater', () => {
  expect(allows('write', 'deploy')).toBe(true);
  expect(allows('deploy', 'deploy')).toBe(true);
  expect(allows('deploy', 'write')).toBe(false);
});

it('goes by the greatest scope of a token, in any order', () => {
  expect(greatest(['write', 'read', 'deploy'])).toBe('write');
  expect(greatest(['read'])).toBe('read');
});
