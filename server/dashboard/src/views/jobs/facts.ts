// The facts about a job that the page shows: the only place that names the attributes of job tables and their words.
import { cellText, systemTime, type Cell } from '../../api/cells';
import type { Rows } from '../../api/rows';

/** An attribute of a job besides its key. In a list, `reason` is the beginning of the error. */
export interface Fact {
  /** The attribute of the job table, unless the key has one of that name. */
  name: string;
  title: string;
  /** Writes it for people; empty if there is nothing to say. */
  text: (cell: Cell) => string;
  /** It stands in lists of jobs, as a number at the right if it is one. */
  listed?: 'text' | 'number';
  /** The state in which it says something. */
  only?: string;
}

/** In the order in which they stand in lists of jobs and in one job. */
export const FACTS: readonly Fact[] = [
  { name: 'state', title: 'State', text: cellText, listed: 'text' },
  { name: 'reason', title: 'Error', text: (cell) => cellText(cell).replace(/^: $/, ''), listed: 'text' },
  { name: 'finished_time', title: 'Finished', text: systemTime, listed: 'text' },
  { name: 'duration', title: 'Took', text: (cell) => (cell.kind === 'number' ? secondsText(Number(cell.value)) : ''), listed: 'number' },
  { name: 'attempt', title: 'Tries', text: cellText, listed: 'number' },
  { name: 'host', title: 'Host', text: cellText, listed: 'text' },
  { name: 'pid', title: 'Process', text: cellText },
  { name: 'username', title: 'User', text: cellText },
  { name: 'priority', title: 'Priority', text: cellText },
  { name: 'scheduled_time', title: 'Not before', text: systemTime, only: 'pending' },
  { name: 'reserved_time', title: 'Reserved', text: systemTime },
  { name: 'code_version', title: 'Code version', text: cellText },
  { name: 'code_commit', title: 'Commit', text: cellText },
  { name: 'reads', title: 'Rows read', text: countsText },
  { name: 'writes', title: 'Rows written', text: countsText },
];

/** The facts that stand in lists of jobs. */
export const LISTED = FACTS.filter((fact) => fact.listed);

/** Returns the name of an attribute in the job table of a key, which may have one of that name itself. */
export function namedIn(key: readonly string[]): (name: string) => string {
  return (name) => (key.includes(name) ? `job_${name}` : name);
}

/** Return the first row's value of an attribute of a job table. */
export function factOf(rows: Rows, name: string): Cell {
  const named = namedIn(rows.attributes.filter((attribute) => attribute.primaryKey).map((attribute) => attribute.name));
  const place = rows.attributes.findIndex((attribute) => attribute.name === named(name));
  return rows.count && place >= 0 ? rows.cell(0, place) : { kind: 'null' };
}

/** Write the numbers of rows by table, as a job recorded them: `lab.Session 3`. */
function countsText(cell: Cell): string {
  if (cell.kind !== 'json' || cell.value === null || typeof cell.value !== 'object') return '';
  return Object.entries(cell.value as Record<string, number | { rows: number }>)
    .map(([table, count]) => `${table} ${String(typeof count === 'number' ? count : count.rows)}`)
    .join(', ');
}

/** Write a number of seconds: `1.25 s`, `3 min 20 s`, `2 h 5 min`. */
export function secondsText(seconds: number): string {
  if (seconds < 0.001) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (seconds < 1) return `${(seconds * 1000).toPrecision(3)} ms`;
  if (seconds < 60) return `${seconds.toPrecision(3)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${String(Math.floor(whole / 60))} min ${String(whole % 60)} s`;
  if (whole < 86_400) return `${String(Math.floor(whole / 3600))} h ${String(Math.floor((whole % 3600) / 60))} min`;
  return `${String(Math.floor(whole / 86_400))} d ${String(Math.floor((whole % 86_400) / 3600))} h`;
}
