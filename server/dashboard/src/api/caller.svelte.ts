// Who uses the page.
import { access, onSignedOut } from './clients';
import { problemOf } from './errors';
import type { GetCallerResponse } from './generated/levada_api/v1/access_service_pb';

/** The caller: `unknown` until the server has answered. */
export const session = $state<{ state: 'unknown' | 'in' | 'out'; caller: GetCallerResponse | undefined }>({
  state: 'unknown',
  caller: undefined,
});

onSignedOut(() => { session.state = 'out'; });

/** Ask the server who calls. */
export async function findCaller(): Promise<void> {
  try {
    session.caller = await access.getCaller({});
    session.state = 'in';
  } catch (error) {
    if (problemOf(error).reason !== 'UNAUTHENTICATED') throw error;
    session.state = 'out';
  }
}
