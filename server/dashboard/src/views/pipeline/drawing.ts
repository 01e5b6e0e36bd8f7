// Lines and texts of a diagram, as in notebooks.
import type { DiagramBox, DiagramLine } from '../../api/generated/levada_api/v1/diagram_pb';
import type { Progress } from '../../api/generated/levada_api/v1/job_pb';
import type { Table } from '../../api/generated/levada_api/v1/schema_pb';
import { MANY } from '../../api/paging';
import { fullName, isComputed, TIERS } from '../../api/tables';

const MOST_ATTRIBUTES = 40;

/** Write the path of a line: straight stretches, and a cubic curve between each two. */
export function linePath(line: DiagramLine): string {
  const [first, ...rest] = line.stops;
  if (!first) return '';
  let path = `M${first.across} ${first.begin}V${first.end}`;
  let last = first;
  for (const stop of rest) {
    const middle = (last.end + stop.begin) / 2;
    path += `C${last.across} ${middle} ${stop.across} ${middle} ${stop.across} ${stop.begin}V${stop.end}`;
    last = stop;
  }
  return path;
}

/** How far the tables of a box are. Shares of the bar are from 0 to 1. */
export interface Status {
  text: string;
  shares?: { done: number; running: number; error: number };
}

/** Describe the jobs of a box, and how many results other code or other inputs would compute differently. */
export function jobStatus(all: readonly Progress[], stale: number): Status {
  const sum = (count: (one: Progress) => bigint): number => all.reduce((total, one) => total + Number(count(one)), 0);
  const total = sum((one) => one.totalCount);
  const done = total - sum((one) => one.remainingCount);
  const running = sum((one) => one.reservedCount);
  const errors = sum((one) => one.errorCount);
  const parts = [`${short(done)} of ${short(total)}`];
  if (errors) parts.push(`${short(errors)} error${errors === 1 ? '' : 's'}`);
  if (stale) parts.push(`${short(stale)} stale`);
  // A box has room for three numbers; the bar shows what runs in any case.
  if (running && parts.length < 3) parts.push(`${short(running)} running`);
  const share = (count: number, room: number): number => (total ? Math.min(count / total, room) : 0);
  const shares = { done: share(done, 1), running: 0, error: 0 };
  shares.error = share(errors, 1 - shares.done);
  shares.running = share(running, 1 - shares.done - shares.error);
  return { text: parts.join(', '), shares };
}

/** Describe a number of rows, or MANY. */
export function rowStatus(count: bigint): Status {
  return { text: count === MANY ? 'many rows' : `${short(Number(count))} row${count === 1n ? '' : 's'}` };
}

/** Write a number in at most five characters, up to a billion. */
export function short(count: number): string {
  for (const [unit, size] of [['M', 1e6], ['k', 1e3]] as const) {
    if (count >= 10 * size) return count < 100 * size ? `${(count / size).toFixed(1)}${unit}` : `${Math.floor(count / size)}${unit}`;
  }
  return String(count);
}

/** Return the table of a box itself, or all tables of a collapsed schema. */
export function ownTables(box: DiagramBox, tables: ReadonlyMap<string, Table>): Table[] {
  const names = box.tier ? [box.name] : box.tables.map(fullName);
  return names.flatMap((name) => tables.get(name) ?? []);
}

/** Return the computed tables of a box. */
export function computedTables(box: DiagramBox, tables: ReadonlyMap<string, Table>): Table[] {
  return ownTables(box, tables).filter(isComputed);
}

/** Describe a box where the pointer rests on it: its table with its attributes, and those of its parts. */
export function boxTitle(box: DiagramBox, tables: ReadonlyMap<string, Table>): string {
  if (!box.tier) return [`schema ${box.schema}`, ...box.tables.slice(0, MOST_ATTRIBUTES).map((name) => `  ${name.table}`)].join('\n');
  const lines = [`${box.name} (${TIERS[box.tier]})${box.comment ? `: ${box.comment}` : ''}`];
  for (const name of box.tables) {
    const table = tables.get(fullName(name));
    if (!table) continue;
    if (fullName(name) !== box.name) lines.push(name.table);
    const attributes = table.heading?.attributes ?? [];
    for (const attribute of attributes.slice(0, MOST_ATTRIBUTES)) {
      lines.push(`${attribute.primaryKey ? '*' : ' '} ${attribute.name} : ${attribute.type}${attribute.comment ? `  # ${attribute.comment}` : ''}`);
    }
    if (attributes.length > MOST_ATTRIBUTES) lines.push(`  and ${attributes.length - MOST_ATTRIBUTES} more`);
  }
  return lines.join('\n');
}

/** Return the box that an arrow key leads to: the nearest in that direction, where the way aside counts twice. */
export function neighbour(boxes: readonly DiagramBox[], from: DiagramBox, key: string): DiagramBox | undefined {
  const centre = (box: DiagramBox): [number, number] => {
    const { left, top, width, height } = box.place ?? { left: 0, top: 0, width: 0, height: 0 };
    return [left + width / 2, top + height / 2];
  };
  const [x, y] = centre(from);
  let best: DiagramBox | undefined;
  let least = Infinity;
  for (const box of boxes) {
    const [dx, dy] = [centre(box)[0] - x, centre(box)[1] - y];
    const along = { ArrowRight: dx, ArrowLeft: -dx, ArrowDown: dy, ArrowUp: -dy }[key] ?? 0;
    const aside = Math.abs(key === 'ArrowDown' || key === 'ArrowUp' ? dx : dy);
    if (box !== from && along > 1 && along + 2 * aside < least) [best, least] = [box, along + 2 * aside];
  }
  return best;
}
