// What the caller may do, so that buttons that would be refused are disabled. The server decides in any case.
import { session } from './caller.svelte';
import { Role } from './generated/levada_api/v1/access_pb';
import type { Name } from './tables';

export type Action = 'insert' | 'change' | 'manage jobs' | 'grant';

const ALLOWING: Record<Action, readonly Role[]> = {
  insert: [Role.DEPOSITOR, Role.EDITOR, Role.OWNER],
  change: [Role.EDITOR, Role.OWNER],
  'manage jobs': [Role.WORKER, Role.EDITOR, Role.OWNER],
  grant: [Role.OWNER],
};
const NEEDED: Record<Action, string> = {
  insert: 'depositor, editor or owner',
  change: 'editor or owner',
  'manage jobs': 'worker, editor or owner',
  grant: 'owner',
};
const DOING: Record<Action, string> = {
  insert: 'insert into',
  change: 'change rows of',
  'manage jobs': 'manage the jobs of',
  grant: 'grant roles on',
};

/** The words for roles. */
export const ROLES: Partial<Record<Role, string>> = {
  [Role.VIEWER]: 'viewer',
  [Role.REFERENCE]: 'reference',
  [Role.DEPOSITOR]: 'depositor',
  [Role.WORKER]: 'worker',
  [Role.EDITOR]: 'editor',
  [Role.OWNER]: 'owner',
};

/** Return whether the caller administers the server, by a token that allows it. */
export function administers(): boolean {
  const caller = session.caller;
  return Boolean(caller?.user?.administrator && !caller.token?.scoped && !caller.token?.scopes.length);
}

/** Return why the caller may not do an action on a table, or on a whole schema; empty if the caller may. */
export function refusal(action: Action, name: Name): string {
  const caller = session.caller;
  const covers = (grant: { role: Role; schema: string; table: string }): boolean =>
    ALLOWING[action].includes(grant.role) &&
    grant.schema === name.schema &&
    (!grant.table || grant.table === name.table || grant.table === name.table.split('.')[0]);
  const scopes = caller?.token?.scopes ?? [];
  const scoped = Boolean(caller?.token?.scoped) || scopes.length > 0;
  const allowed = Boolean(caller?.user?.administrator) || (caller?.grants ?? []).some(covers);
  if (allowed && (!scoped || scopes.some(covers))) return '';
  const place = name.table ? `${name.schema}.${name.table}` : name.schema;
  return `You may not ${DOING[action]} ${place}: that takes the role ${NEEDED[action]}. Ask an owner.`;
}
