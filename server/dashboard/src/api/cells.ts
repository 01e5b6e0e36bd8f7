// Cells: single values of rows, for people and for the way back to the server.
import { dateText, durationText, momentText, spanText, timeText, zonedText } from './moments';
import type { AttributeType } from './types';

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

/** Makes a cell of a value as the library reads it, and of the whole number that stands for it in its buffer. */
export type MakeCell = (value: unknown, raw: bigint | number, type: AttributeType) => Cell;

/** Read a cell as text; NULL is empty. */
export function cellText(cell: Cell): string {
  return cell.kind === 'null' ? '' : cell.text;
}

/** Write a cell as a text that the server reads as the same value; null for NULL. */
export function sentText(cell: Cell): string | null {
  switch (cell.kind) {
    case 'null':
      return null;
    case 'time':
      return cell.stored;
    case 'number':
      return cell.text.replace('∞', 'Infinity');
    case 'object':
      return cell.value.path;
    default:
      return cell.text;
  }
}

/** Write a time of the server's own tables, which is in UTC, in the reader's zone to the second; empty for NULL. */
export function systemTime(cell: Cell): string {
  return cell.kind === 'time' ? zonedText((cell.raw / 1_000_000n) * 1_000_000n).text : '';
}

export const numberCell: MakeCell = (value) => ({ kind: 'number', value: value as number | bigint, text: numberText(value as number | bigint) });

export const textCell: MakeCell = (value) => ({ kind: 'text', text: String(value) });

export const booleanCell: MakeCell = (value) => ({ kind: 'boolean', value: Boolean(value), text: value ? 'true' : 'false' });

/** Write a number in full; a float as the shortest text that reads back as the same. */
export function numberText(value: number | bigint): string {
  if (typeof value === 'bigint' || Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
}

export const decimalCell: MakeCell = (value, _, { numbers: [, scale = 0] }) => {
  const scaled = value as bigint;
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const text = `${scaled < 0n ? '-' : ''}${whole}${scale ? `.${digits.slice(-scale)}` : ''}`;
  return { kind: 'number', value: Number(text), text };
};

export const dateCell: MakeCell = (_, raw) => timeCell(raw, dateText(Number(raw)), 'date');

export const timeOfDayCell: MakeCell = (_, raw) => timeCell(raw, timeText(BigInt(raw)), 'time of day, as stored');

export const momentCell: MakeCell = (_, raw) => timeCell(raw, momentText(BigInt(raw)), 'as stored, without a time zone');

export const zonedCell: MakeCell = (_, raw) => {
  const { text, hint } = zonedText(BigInt(raw));
  return timeCell(raw, text, hint, `${momentText(BigInt(raw))}+00:00`);
};

export const durationCell: MakeCell = (_, raw) => timeCell(raw, durationText(BigInt(raw)), 'duration', spanText(BigInt(raw)));

function timeCell(raw: bigint | number, text: string, hint: string, stored = text): Cell {
  return { kind: 'time', text, hint, stored, raw: BigInt(raw) };
}

export const uuidCell: MakeCell = (value) => {
  const digits = hex(value as Uint8Array);
  return { kind: 'text', text: [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join('-') };
};

function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
}

export const jsonCell: MakeCell = (value) => {
  const text = String(value);
  try {
    return { kind: 'json', value: JSON.parse(text) as unknown, text };
  } catch {
    return { kind: 'text', text };
  }
};

export const bytesCell: MakeCell = (value) => {
  const octets = value as Uint8Array;
  return { kind: 'bytes', value: octets, text: octets.length <= 16 ? `0x${hex(octets)}` : `bytes, ${sizeText(octets.length)}` };
};

export const blobCell: MakeCell = (value) => ({ kind: 'blob', value: value as Uint8Array, text: `blob, ${sizeText((value as Uint8Array).length)}` });

export const attachmentCell: MakeCell = (content) => {
  const octets = content as Uint8Array;
  const end = octets.indexOf(0);
  const name = new TextDecoder().decode(octets.subarray(0, end < 0 ? octets.length : end));
  const value = octets.subarray(end + 1);
  return { kind: 'attachment', name, value, text: `${name}, ${sizeText(value.length)}` };
};

export const arrayCell: MakeCell = (value, _, { dtype, numbers: shape }) => ({
  kind: 'array',
  value: octetsOf(value, dtype),
  dtype,
  shape,
  text: `${dtype} array, ${shape.join(' × ')}`,
});

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

export const objectCell: MakeCell = (value) => {
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
};

/** Write a number of bytes: `12.5 kB`. */
export function sizeText(bytes: number): string {
  for (const [unit, size] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]] as const) {
    if (bytes >= size) return `${(bytes / size).toPrecision(3)} ${unit}`;
  }
  return `${bytes} B`;
}
