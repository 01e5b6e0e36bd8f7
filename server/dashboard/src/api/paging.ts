// Pages of rows by their keys: the hundred-thousandth page is found in an index as quickly as the first.
import type { Relation } from './generated/levada_api/v1/relation_pb';
import { problemOf } from './errors';
import { sentText } from './cells';
import type { Rows } from './rows';
import { countRows, fetchRows, relation, type Condition } from './tables';
import { textValue } from './values';

/** Stands for a count that takes long, which readers ask for. */
export const MANY = -1n;
const MOST_COUNTED = 100_000;

/** Where a page begins: after a row, or before one, whose values of the order are given; null is NULL. */
export interface Place {
  side: 'after' | 'before';
  values: (string | null)[];
}

interface Term {
  name: string;
  descending: boolean;
  nullable: boolean;
}

/** Return the terms of an order, which the key completes; `KEY DESC` is the key from its end. */
export function termsOf(order: string, key: readonly string[]): Term[] {
  const [first, descending] = [order.replace(/ DESC$/, ''), order.endsWith(' DESC')];
  const byKey = first === '' || first === 'KEY';
  const terms = byKey ? [] : [{ name: first, descending, nullable: !key.includes(first) }];
  return [...terms, ...key.filter((name) => name !== first).map((name) => ({ name, descending: byKey && descending, nullable: false }))];
}

/** Write the place of a row in an order, for links; undefined if it cannot be written. */
export function placeOf(rows: Rows, row: number, side: Place['side'], terms: readonly Term[]): string | undefined {
  const values = terms.map(({ name }) => {
    const place = rows.attributes.findIndex((one) => one.name === name);
    return place < 0 ? undefined : sentText(rows.cell(row, place));
  });
  return values.includes(undefined) ? undefined : JSON.stringify([side, ...values]);
}

/** Read a place from a link; undefined for the first page. */
export function readPlace(text: string | undefined, terms: readonly Term[]): Place | undefined {
  try {
    const [side, ...values] = JSON.parse(text ?? '') as (string | null)[];
    return (side === 'after' || side === 'before') && values.length === terms.length ? { side, values } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Fetch the rows that follow a place, or the ones that precede it, in the order; at most `limit`.
 *
 * Rows that differ in the last term of the order alone come first, then those that differ in the term before it: each step
 * is a range of an index, which a comparison of all terms together would not be.
 *
 * @param made Makes the relation of some more conditions, an order and a limit.
 * @param quick The server gives up if this takes long, as `tookLong` says of the error.
 */
export async function fetchFrom(
  made: (conditions: Condition[], order: string[], limit: number) => Relation, terms: readonly Term[], place: Place | undefined, limit: number, signal: AbortSignal, quick: boolean,
): Promise<Rows> {
  const backward = place?.side === 'before';
  const order = terms.map(({ name, descending }) => (descending !== backward ? `${name} DESC` : name));
  if (!place) return fetchRows(made([], order, limit), signal, quick);
  const found: Rows[] = [];
  let left = limit;
  for (let depth = terms.length - 1; depth >= 0; depth -= 1) {
    const same = terms.slice(0, depth).map(({ name }, index) => sameAs(name, place.values[index] ?? null));
    for (const beyond of stepsBeyond(terms[depth], place.values[depth] ?? null, backward)) {
      if (left <= 0) break;
      const rows = await fetchRows(made([...same, beyond], order, left), signal, quick);
      found.push(rows);
      left -= rows.count;
    }
  }
  return joined(found, backward) ?? fetchRows(made([], order, 0), signal);
}

/** Leave out the row beyond a page, which is the first if the page was turned back. */
export function cutTo(found: Rows, limit: number, place: Place | undefined): Rows {
  const skipped = place?.side === 'before' ? Math.max(0, found.count - limit) : 0;
  return { ...found, count: Math.min(found.count, limit), cell: (row, attribute) => found.cell(row + skipped, attribute) };
}

function sameAs(name: string, value: string | null): Condition {
  if (value === null) return expression(`\`${name}\` IS NULL`);
  return { case: 'mapping', value: { entries: [{ name, value: textValue(value) }] } };
}

/** Return the conditions of rows beyond a value, the nearest first; PostgreSQL puts NULL behind all values. */
function stepsBeyond(term: Term | undefined, value: string | null, backward: boolean): Condition[] {
  if (!term) return [];
  const name = `\`${term.name}\``;
  if (term.descending !== backward) return [value === null ? expression(`${name} IS NOT NULL`) : expression(`${name} < ?`, value)];
  if (value === null) return [];
  return term.nullable ? [expression(`${name} > ?`, value), expression(`${name} IS NULL`)] : [expression(`${name} > ?`, value)];
}

function expression(text: string, ...values: string[]): Condition {
  return { case: 'expression', value: { text, values: values.map(textValue) } };
}

/** Put rows together, in the opposite order if they were found backwards. */
function joined(parts: readonly Rows[], reversed: boolean): Rows | undefined {
  const [first] = parts;
  if (!first) return undefined;
  const places = parts.flatMap((rows) => Array.from({ length: rows.count }, (_, row) => ({ rows, row })));
  if (reversed) places.reverse();
  return {
    attributes: first.attributes,
    count: places.length,
    cell: (row, attribute) => {
      const found = places[row];
      return found ? found.rows.cell(found.row, attribute) : { kind: 'null' };
    },
  };
}

/** Return whether the server gave up a quick call. */
export function tookLong(error: unknown): boolean {
  return problemOf(error).reason === 'DEADLINE_EXCEEDED';
}

/** Write a count for people. */
export function countText(count: bigint): string {
  return count === MANY ? 'many' : count.toLocaleString('en');
}

/** Count rows; MANY if there are too many, or too many to look through, to be counted quickly. */
export async function countUpTo(wanted: Relation, signal?: AbortSignal): Promise<bigint> {
  try {
    const count = await countRows(relation(wanted, { limit: MOST_COUNTED + 1 }), signal, true);
    return count > MOST_COUNTED ? MANY : count;
  } catch (error) {
    if (tookLong(error)) return MANY;
    throw error;
  }
}
