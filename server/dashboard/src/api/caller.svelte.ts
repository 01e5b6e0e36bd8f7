// Who uses the page, and how a session begins and ends. The session itself is in a cookie that scripts cannot read.
import { access, onSignedOut } from './clients';
import { problemOf } from './errors';
import type { GetCallerResponse, StartLoginResponse } from './generated/levada_api/v1/access_service_pb';

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

/** Sign in with a token, which the page forgets at once. */
export async function signIn(token: string): Promise<void> {
  await access.createBrowserSession({}, { headers: { authorization: `Bearer ${token.trim()}` } });
  await findCaller();
}

/** Sign in with a code of `levada dashboard`. */
export async function signInByCode(code: string): Promise<void> {
  await access.exchangeCode({ code: code.trim() });
  await findCaller();
}

/** Begin to log in at the issuer of identities; undefined if the server trusts none. */
export async function startLogin(): Promise<StartLoginResponse | undefined> {
  try {
    return await access.startLogin({});
  } catch (error) {
    if (problemOf(error).reason === 'UNSUPPORTED') return undefined;
    throw error;
  }
}

/** Wait until the user has logged in at the issuer, then sign in. */
export async function finishLogin(login: StartLoginResponse, signal: AbortSignal): Promise<void> {
  let pause = login.interval;
  while (!signal.aborted && pause) {
    const ms = Number(pause.seconds) * 1000 + pause.nanos / 1e6;
    await new Promise((resolve) => setTimeout(resolve, ms));
    const answer = await access.pollLogin({ login: login.login }, { signal });
    if (answer.secret) return signIn(answer.secret);
    pause = answer.interval;
  }
}

/** End the session. */
export async function signOut(): Promise<void> {
  await access.deleteBrowserSession({});
  session.state = 'out';
}
