// Values on their way to the server: it reads texts by the type of the attribute, so that it alone decides what is valid.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { binary, tableFromArrays, tableToIPC, utf8 } from '@uwdata/flechette';
import { type Value, type ValueSchema } from './generated/levada_api/v1/value_pb';

type ValueInit = MessageInitShape<typeof ValueSchema>;

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
