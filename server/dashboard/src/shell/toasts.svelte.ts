// Short messages in a corner: what an action did, or why it failed.
import { isCancelled, problemOf } from '../api/errors';

interface Toast {
  id: number;
  text: string;
  failed: boolean;
}

const SHOWN_MS = 6_000;

export const toasts = $state<Toast[]>([]);
let last = 0;

/** Say that something was done; it disappears by itself. */
export function say(text: string): void {
  const id = add(text, false);
  setTimeout(() => { dismiss(id); }, SHOWN_MS);
}

/** Say why something failed; it stays until it is dismissed. Calls that the page cancelled say nothing. */
export function fail(error: unknown): void {
  if (isCancelled(error)) return;
  const problem = problemOf(error);
  if (problem.reason !== 'UNAUTHENTICATED') add(problem.message, true);
}

export function dismiss(id: number): void {
  const place = toasts.findIndex((toast) => toast.id === id);
  if (place >= 0) toasts.splice(place, 1);
}

function add(text: string, failed: boolean): number {
  last += 1;
  toasts.push({ id: last, text, failed });
  return last;
}
