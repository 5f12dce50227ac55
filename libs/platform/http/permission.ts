/** What operations need, and which roles and scopes have it: one ladder, so that "may" is a comparison. Pure. */
import { type ProjectRole, ROLES } from '#contracts/members.js';
import type { TokenScope } from '#contracts/tokens.js';

/** Least first; each includes those before it. */
const LADDER = ['read', 'deploy', 'write', 'admin', 'owner'] as const;
export type Permission = (typeof LADDER)[number];

/** The most that a role may do. */
const OF_ROLE: Record<ProjectRole, Permission> = { viewer: 'read', developer: 'write', admin: 'admin', owner: 'owner' };

/** True when who may do `has` may do `needs`. */
export function allows(has: Permission, needs: Permission): boolean {
  return LADDER.indexOf(has) >= LADDER.indexOf(needs);
}

/** Roles that may do it, least first. */
export function rolesFor(needs: Permission): ProjectRole[] {
  return ROLES.filter((role) => allows(OF_ROLE[role], needs));
}

/** The scope that a token needs for it: there is no scope above admin, so an owner's token of that scope may all that its owner may. */
export function scopeFor(needs: Permission): TokenScope {
  return needs === 'owner' ? 'admin' : needs;
}

/** The greatest of a token's scopes. */
export function greatest(scopes: readonly TokenScope[]): TokenScope {
  return scopes.reduce((best, scope) => (allows(scope, best) ? scope : best), 'read');
}
