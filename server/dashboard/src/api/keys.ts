// Keys of rows, in links and in conditions.
import { sentText } from './cells';
import type { Rows } from './rows';
import type { Condition } from './tables';
import { rowsToIpc, textValue } from './values';

/** The values of a key, as texts that the server reads by the types of the attributes. */
export type Key = Record<string, string>;

/** Return the key of a row. */
export function keyOf(rows: Rows, row: number): Key {
  const key: Key = {};
  rows.attributes.forEach((attribute, place) => {
    if (attribute.primaryKey) key[attribute.name] = sentText(rows.cell(row, place)) ?? '';
  });
  return key;
}

/** Write a key for people: `subject_id 3, session_date 2026-03-01`. */
export function keyText(key: Key): string {
  return Object.entries(key).map(([name, value]) => `${name} ${value}`).join(', ') || 'the only row';
}

/** Read a key from a link; undefined if it is not one. */
export function readKey(text: string | undefined): Key | undefined {
  if (!text) return undefined;
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== 'object' || found === null) return undefined;
    return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, String(value)]));
  } catch {
    return undefined;
  }
}

/** Return the condition that a row has a key. */
export function keyCondition(key: Key): Condition {
  return { case: 'mapping', value: { entries: Object.entries(key).map(([name, text]) => ({ name, value: textValue(text) })) } };
}

/** Return the condition that a row has one of some keys. */
export function keysCondition(keys: readonly Key[]): Condition {
  return { case: 'entities', value: { arrowIpc: rowsToIpc(Object.keys(keys[0] ?? {}), keys) } };
}
