// Values on their way to the server: it reads texts by the type of the attribute, so that it alone decides what is valid.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { binary, tableFromArrays, tableToIPC, utf8 } from '@uwdata/flechette';
import { type Value, type ValueSchema } from './generated/levada_api/v1/value_pb';
import { cellText, type Attribute, type Cell, type Rows } from './rows';
import type { Condition } from './tables';

type ValueInit = MessageInitShape<typeof ValueSchema>;

/** The texts of rows by attribute; null for NULL or the default. */
export type Texts = Record<string, string | null>;

/** Values of rows by attribute: texts that the server reads, or the bytes to store. */
export type Entered = Record<string, string | Uint8Array | null>;

/** Write rows as an Arrow IPC stream. */
export function rowsToIpc(attributes: readonly string[], rows: readonly Entered[]): Uint8Array {
  const columns = Object.fromEntries(attributes.map((name) => [name, rows.map((row) => row[name] ?? null)]));
  const types = Object.fromEntries(attributes.map((name) => [name, rows.some((row) => row[name] instanceof Uint8Array) ? binary() : utf8()]));
  return tableToIPC(tableFromArrays(columns, { types }), { format: 'stream' }) ?? new Uint8Array();
}

/** Write a text as a value; null stands for NULL. */
export function textValue(text: string | null): ValueInit {
  return text === null ? { kind: { case: 'null', value: 0 } } : { kind: { case: 'text', value: text } };
}

/** Write bytes to store as a value. */
export function binaryValue(bytes: Uint8Array): ValueInit {
  return { kind: { case: 'binary', value: bytes as Uint8Array<ArrayBuffer> } };
}

/** Write parsed JSON as a value. */
export function jsonValue(plain: unknown): ValueInit {
  if (plain === null || plain === undefined) return { kind: { case: 'null', value: 0 } };
  if (typeof plain === 'boolean') return { kind: { case: 'boolean', value: plain } };
  if (typeof plain === 'number') {
    return Number.isSafeInteger(plain) ? { kind: { case: 'integer', value: BigInt(plain) } } : { kind: { case: 'float', value: plain } };
  }
  if (typeof plain === 'string') return textValue(plain);
  if (Array.isArray(plain)) return { kind: { case: 'list', value: { values: plain.map(jsonValue) } } };
  const entries = Object.entries(plain);
  return { kind: { case: 'map', value: { keys: entries.map(([key]) => key), values: entries.map(([, value]) => jsonValue(value)) } } };
}

/** Write a cell as a text that the server reads as the same value. */
export function sentText(cell: Cell): string | null {
  if (cell.kind === 'null') return null;
  // A moment is shown in the reader's zone, and its hint is in UTC.
  const utc = cell.kind === 'time' ? /^(.+) UTC; shown in /.exec(cell.hint)?.[1] : undefined;
  return utc ? `${utc}+00:00` : cell.kind === 'number' ? String(cell.text).replace('∞', 'Infinity') : cell.text;
}

/** Return the texts of a row's key, for links. */
export function keyTexts(rows: Rows, row: number): Texts {
  const key: Texts = {};
  rows.attributes.forEach((attribute, place) => {
    if (attribute.primaryKey) key[attribute.name] = sentText(rows.cell(row, place));
  });
  return key;
}

/** Return the condition that a row has a key given as texts. */
export function keyMatch(key: Texts): Condition {
  const entries = Object.entries(key).map(([name, text]) => ({ name, value: textValue(text) }));
  return { case: 'mapping', value: { entries } };
}

/** Return the condition that a row has one of some keys. */
export function keysMatch(keys: readonly Texts[]): Condition {
  return { case: 'entities', value: { arrowIpc: rowsToIpc(Object.keys(keys[0] ?? {}), keys) } };
}

/** Write a key for people: `subject 3, session 1`. */
export function keyText(rows: Rows, row: number): string {
  const shown = (attribute: Attribute, place: number): string => `${attribute.name} ${cellText(rows.cell(row, place))}`;
  return rows.attributes.map((attribute, place) => (attribute.primaryKey ? shown(attribute, place) : '')).filter(Boolean).join(', ') || 'the only row';
}

/** Write a value of the API for people. */
export function valueText(value: Value | undefined): string {
  const kind = value?.kind;
  if (kind === undefined || kind.case === undefined || kind.case === 'null') return '';
  switch (kind.case) {
    case 'date':
      return new Date(kind.value * 86_400_000).toISOString().slice(0, 10);
    case 'timestamp':
      return new Date(Number(kind.value.microseconds / 1000n)).toISOString().replace('T', ' ').replace(/(\.000)?Z$/, '');
    case 'uuid':
      return Array.from(kind.value, (octet) => octet.toString(16).padStart(2, '0')).join('');
    default:
      return typeof kind.value === 'object' ? kind.case : String(kind.value);
  }
}

/** Read the texts of a key from a link; undefined if it is not one. */
export function readKey(text: string | undefined): Texts | undefined {
  try {
    const read = JSON.parse(text ?? '') as unknown;
    return read !== null && typeof read === 'object' ? (read as Texts) : undefined;
  } catch {
    return undefined;
  }
}
