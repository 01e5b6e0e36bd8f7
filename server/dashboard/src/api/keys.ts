// Keys of rows, in links and in conditions.
import { create } from '@bufbuild/protobuf';
import type { Heading } from './generated/levada_api/v1/schema_pb';
import { ValueSchema, type Value } from './generated/levada_api/v1/value_pb';
import { cellText, type Rows } from './rows';
import type { Condition } from './tables';

/** The values of a key, as the server reads them from text. */
export type Key = Record<string, string>;

/** Return the key of a row. */
export function keyOf(rows: Rows, row: number): Key {
  const key: Key = {};
  rows.attributes.forEach((attribute, place) => {
    if (!attribute.primaryKey) return;
    const cell = rows.cell(row, place);
    key[attribute.name] = cell.kind === 'time' ? cell.stored : cellText(cell);
  });
  return key;
}

/** Write a key for people: `subject_id 3, session_date 2026-03-01`. */
export function keyText(key: Key): string {
  return Object.entries(key).map(([name, value]) => `${name} ${value}`).join(', ');
}

/** Read a key from a link; undefined if it is not one. */
export function parsedKey(text: string | undefined): Key | undefined {
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
export function keyCondition(key: Key, heading: Heading | undefined): Condition {
  const types = new Map(heading?.attributes.map((attribute) => [attribute.name, attribute.type]));
  const entries = Object.entries(key).map(([name, text]) => ({ name, value: valueOf(text, types.get(name) ?? '') }));
  return { case: 'mapping', value: { entries } };
}

/** Return the value that a text of a key stands for. */
function valueOf(text: string, type: string): Value {
  const word = /^[a-z0-9]+/i.exec(type)?.[0].toLowerCase() ?? '';
  if (/^-?\d{1,19}$/.test(text) && /int|serial|year/.test(word)) {
    const whole = BigInt(text);
    return create(ValueSchema, { kind: BigInt.asIntN(64, whole) === whole ? { case: 'integer', value: whole } : { case: 'bigInteger', value: text } });
  }
  if (word === 'bool' || word === 'boolean') return create(ValueSchema, { kind: { case: 'boolean', value: text === 'true' } });
  if (/^(float|real|double)/.test(word)) return create(ValueSchema, { kind: { case: 'float', value: Number(text.replace('∞', 'Infinity')) } });
  return create(ValueSchema, { kind: { case: 'text', value: text } });
}
