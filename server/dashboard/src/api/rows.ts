// Rows of Arrow streams, decoded: the only place that knows how columns hold the values of each attribute type.
import { tableFromIPC, type Column } from '@uwdata/flechette';
import { dateText, durationText, momentText, spanText, timeText, zonedText } from './moments';

/**
 * A value, by the family of its type. `text` is shown; `stored` is what the server reads as the same moment, and `raw`
 * counts its microseconds, or the days of a date, since 1970.
 * Numbers that a double cannot hold stay exact: as bigint, or as text (decimals).
 */
export type Cell =
  | { kind: 'null' }
  | { kind: 'number'; value: number | bigint; text: string }
  | { kind: 'text'; text: string }
  | { kind: 'boolean'; value: boolean; text: string }
  | { kind: 'time'; text: string; hint: string; stored: string; raw: bigint }
  | { kind: 'json'; value: unknown; text: string }
  | { kind: 'bytes'; value: Uint8Array; text: string }
  | { kind: 'blob'; value: Uint8Array; text: string }
  | { kind: 'attachment'; name: string; value: Uint8Array; text: string }
  | { kind: 'array'; value: Uint8Array; dtype: string; shape: number[]; text: string }
  | { kind: 'object'; value: ObjectReference; text: string };

/** The reference of a row to an object in a store, as in ObjectReference of the API. */
export interface ObjectReference {
  id: string;
  store: string;
  path: string;
  /** Of the file or folder; empty for a value. */
  name: string;
  sizeBytes: number;
  /** Undefined for a file. */
  fileCount: number | undefined;
  /** Of an array; otherwise empty. */
  dtype: string;
  shape: number[];
}

/** An attribute of a result. */
export interface Attribute {
  name: string;
  /** As a definition spells it. */
  type: string;
  primaryKey: boolean;
}

/** The rows of a result, which decode their cells when they are asked. */
export interface Rows {
  attributes: Attribute[];
  count: number;
  cell(row: number, attribute: number): Cell;
}

/** Decode a whole Arrow IPC stream. */
export function rowsOf(ipc: Uint8Array): Rows {
  // Columns of numbers are read in place, which needs an aligned start; a part of a message may begin anywhere.
  const table = tableFromIPC(ipc.byteOffset % 8 ? ipc.slice() : ipc, { useBigInt: true, useDecimalInt: true });
  const key = new Set((table.schema.metadata?.get('levada.primary_key') ?? '').split(','));
  const attributes = table.schema.fields.map((field) => ({
    name: field.name,
    type: field.metadata?.get('levada.type') ?? '',
    primaryKey: key.has(field.name),
  }));
  const readers = attributes.map((attribute, index) => reader(attribute.type, table.getChildAt(index)));
  const cell = (row: number, index: number): Cell => readers[index]?.(row) ?? { kind: 'null' };
  return { attributes, count: table.numRows, cell };
}

/** Read a cell as text; NULL is empty. */
export function cellText(cell: Cell): string {
  return cell.kind === 'null' ? '' : cell.text;
}

type Reader = (row: number) => Cell;

function reader(type: string, column: Column<unknown>): Reader {
  const make = maker(type);
  return (row) => {
    const [value, raw] = at(column, row);
    return value === null || value === undefined ? { kind: 'null' } : make(value, raw);
  };
}

/** Return a value as the library reads it, and the whole number that stands for it in its buffer. */
function at(column: Column<unknown>, row: number): [unknown, bigint | number] {
  let first = 0;
  for (const batch of column.data) {
    if (row < first + batch.length) {
      const place = row - first;
      const value = batch.at(place);
      const raw = (batch.values as ArrayLike<bigint | number> | undefined)?.[place] ?? 0;
      return [value, raw];
    }
    first += batch.length;
  }
  return [null, 0];
}

/** Return the function that makes cells of an attribute type, by the word that begins its spelling. */
function maker(type: string): (value: unknown, raw: bigint | number) => Cell {
  const inner = storedType(type);
  const word = /^<?\s*([a-z0-9]+)/i.exec(inner)?.[1]?.toLowerCase() ?? '';
  if (inner.startsWith('<') && inner.includes('@')) return objectCell;
  switch (word) {
    case 'bool':
    case 'boolean':
      return (value) => ({ kind: 'boolean', value: Boolean(value), text: value ? 'true' : 'false' });
    case 'decimal':
    case 'numeric':
      return (value) => decimalCell(value as bigint, inner);
    case 'date':
      return (_, raw) => timeCell(raw, dateText(Number(raw)), 'date');
    case 'time':
      return (_, raw) => timeCell(raw, timeText(BigInt(raw)), 'time of day, as stored');
    case 'datetime':
    case 'timestamp':
      return (_, raw) => timeCell(raw, momentText(BigInt(raw)), 'as stored, without a time zone');
    case 'timestamptz':
      return (_, raw) => zonedCell(BigInt(raw));
    case 'duration':
      return (_, raw) => timeCell(raw, durationText(BigInt(raw)), 'duration', spanText(BigInt(raw)));
    case 'uuid':
      return (value) => ({ kind: 'text', text: uuidText(value as Uint8Array) });
    case 'json':
      return (value) => jsonCell(String(value));
    case 'bytes':
    case 'binary':
    case 'varbinary':
      return (value) => ({ kind: 'bytes', value: value as Uint8Array, text: bytesText(value as Uint8Array) });
    case 'blob':
    case 'tinyblob':
    case 'mediumblob':
    case 'longblob':
      return (value) => ({ kind: 'blob', value: value as Uint8Array, text: `blob, ${sizeText((value as Uint8Array).length)}` });
    case 'attach':
      return (value) => attachmentCell(value as Uint8Array);
    case 'array':
      return arrayMaker(inner);
    default:
      return (value) => (typeof value === 'number' || typeof value === 'bigint' ? numberCell(value) : { kind: 'text', text: String(value) });
  }
}

/** Return the type that a codec of clients stores: `<blob>` for `<graph: <blob>>`. */
function storedType(type: string): string {
  const inner = /^<\s*[^:<>]+:\s*(<.*>)\s*>$/.exec(type)?.[1];
  return inner === undefined ? type.trim() : storedType(inner);
}

function numberCell(value: number | bigint): Cell {
  return { kind: 'number', value, text: numberText(value) };
}

/** Write a number in full; a float as the shortest text that reads back as the same. */
export function numberText(value: number | bigint): string {
  if (typeof value === 'bigint' || Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
}

function decimalCell(scaled: bigint, type: string): Cell {
  const scale = Number(/,\s*(\d+)/.exec(type)?.[1] ?? '0');
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const text = `${scaled < 0n ? '-' : ''}${whole}${scale ? `.${digits.slice(-scale)}` : ''}`;
  return { kind: 'number', value: Number(text), text };
}

function timeCell(raw: bigint | number, text: string, hint: string, stored = text): Cell {
  return { kind: 'time', text, hint, stored, raw: BigInt(raw) };
}

function zonedCell(microseconds: bigint): Cell {
  const { text, hint } = zonedText(microseconds);
  return timeCell(microseconds, text, hint, `${momentText(microseconds)}+00:00`);
}

function uuidText(octets: Uint8Array): string {
  const digits = hex(octets);
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join('-');
}

function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
}

function bytesText(octets: Uint8Array): string {
  return octets.length <= 16 ? `0x${hex(octets)}` : `bytes, ${sizeText(octets.length)}`;
}

function jsonCell(text: string): Cell {
  try {
    return { kind: 'json', value: JSON.parse(text) as unknown, text };
  } catch {
    return { kind: 'text', text };
  }
}

function attachmentCell(octets: Uint8Array): Cell {
  const end = octets.indexOf(0);
  const name = new TextDecoder().decode(octets.subarray(0, end < 0 ? octets.length : end));
  const value = octets.subarray(end + 1);
  return { kind: 'attachment', name, value, text: `${name}, ${sizeText(value.length)}` };
}

function arrayMaker(type: string): (value: unknown) => Cell {
  const parts = /array\s+([a-z0-9]+)\s*\(([^)]*)\)/i.exec(type);
  const dtype = parts?.[1] ?? '';
  const shape = (parts?.[2] ?? '').split(',').filter((part) => part.trim()).map(Number);
  return (value) => ({
    kind: 'array',
    value: octetsOf(value, dtype),
    dtype,
    shape,
    text: `${dtype} array, ${shape.join(' × ') || 'scalar'}`,
  });
}

/** Return the bytes of the elements of a fixed-size list. */
function octetsOf(value: unknown, dtype: string): Uint8Array {
  if (ArrayBuffer.isView(value) && dtype !== 'float16') {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  // Pairs of floats come as bytes, and halves as numbers.
  const items = Array.from(value as Iterable<number | Uint8Array>);
  if (typeof items[0] === 'number') {
    return new Uint8Array(Float64Array.from(items as number[]).buffer);
  }
  const width = (items[0] as Uint8Array | undefined)?.length ?? 0;
  const whole = new Uint8Array(items.length * width);
  items.forEach((item, index) => { whole.set(item as Uint8Array, index * width); });
  return whole;
}

function objectCell(value: unknown): Cell {
  const stored = value as Record<string, unknown>;
  const text = (name: string): string => String(stored[name] ?? '');
  const found: ObjectReference = {
    id: text('id'),
    store: text('store'),
    path: text('path'),
    name: text('name'),
    sizeBytes: Number(stored['size_bytes'] ?? 0),
    fileCount: stored['file_count'] == null ? undefined : Number(stored['file_count']),
    dtype: text('dtype'),
    shape: Array.from((stored['shape'] ?? []) as Iterable<bigint | number>, Number),
  };
  const what = found.name || (found.dtype ? `array ${found.shape.join(' × ')}` : 'value');
  const files = found.fileCount === undefined ? '' : `, ${found.fileCount} files`;
  return { kind: 'object', value: found, text: `${what}${files}, ${sizeText(found.sizeBytes)}` };
}

/** Write a number of bytes: `12.5 kB`. */
export function sizeText(bytes: number): string {
  for (const [unit, size] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]] as const) {
    if (bytes >= size) return `${(bytes / size).toPrecision(3)} ${unit}`;
  }
  return `${bytes} B`;
}
