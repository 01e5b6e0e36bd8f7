// The live progress of tables. All views share one stream, which is closed while the tab is hidden: over HTTP/1.1 a
// browser has six connections to a server, in all its tabs together.
import { SvelteMap } from 'svelte/reactivity';
import { jobs } from './clients';
import { isCancelled, problemOf } from './errors';
import type { Progress } from './generated/levada_api/v1/job_pb';
import { fullName, type Name } from './tables';

const RETRY_MS = 3_000;
const SETTLE_MS = 50;
/** Errors that do not come from the tables that were asked for. */
const PASSING = new Set(['UNREACHABLE', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'LIMIT_REACHED', 'INTERNAL']);

/** The latest progress of each table that a view watches, by its full name. */
export const progress = new SvelteMap<string, Progress>();

const wanted = new Map<string, { name: Name; count: number }>();
/** Tables without progress: they were dropped, or their key source cannot be used. */
const refused = new Set<string>();
let stream: AbortController | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

/**
 * Watch tables that jobs fill, until the returned function is called.
 *
 * Use it in an effect: `$effect(() => watchProgress(names))`.
 */
export function watchProgress(names: readonly Name[]): () => void {
  for (const name of names) {
    const entry = wanted.get(fullName(name)) ?? { name, count: 0 };
    wanted.set(fullName(name), { ...entry, count: entry.count + 1 });
  }
  restart();
  return () => {
    for (const name of names) {
      const entry = wanted.get(fullName(name));
      if (entry && entry.count > 1) wanted.set(fullName(name), { ...entry, count: entry.count - 1 });
      else {
        wanted.delete(fullName(name));
        progress.delete(fullName(name));
      }
    }
    restart();
  };
}

/** Close the stream, and open it again for what is wanted then; several changes at once open it once. */
function restart(pause = SETTLE_MS): void {
  stream?.abort();
  stream = undefined;
  clearTimeout(timer);
  if (wanted.size && !document.hidden) timer = setTimeout(() => void follow(), pause);
}

async function follow(): Promise<void> {
  const own = new AbortController();
  stream = own;
  try {
    const names = [...wanted.values()].map((entry) => entry.name).filter((name) => !refused.has(fullName(name)));
    if (!names.length) return;
    for await (const answer of jobs.watchProgress({ names }, { signal: own.signal })) {
      for (const one of answer.progress) progress.set(fullName(one.table), one);
    }
  } catch (error) {
    const { reason } = problemOf(error);
    if (isCancelled(error) || reason === 'UNAUTHENTICATED') return;
    if (!PASSING.has(reason)) await leaveOut(own.signal);
  }
  // The server ends streams when it stops or its limit of time is reached.
  if (stream === own) restart(RETRY_MS);
}

/** Find the tables that fail the whole stream, and leave them out of the next. */
async function leaveOut(signal: AbortSignal): Promise<void> {
  for (const [key, { name }] of wanted) {
    try {
      await jobs.getProgress({ names: [name] }, { signal });
    } catch (error) {
      if (!isCancelled(error) && !PASSING.has(problemOf(error).reason)) refused.add(key);
    }
  }
}

document.addEventListener('visibilitychange', () => { restart(); });
