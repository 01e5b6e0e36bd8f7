// What the page does with values of each kind of attribute types: the only place that asks for the kind of an attribute.
import {
  arrayCell, attachmentCell, blobCell, booleanCell, bytesCell, dateCell, decimalCell, durationCell, jsonCell, momentCell,
  numberCell, objectCell, textCell, timeOfDayCell, uuidCell, zonedCell, type MakeCell,
} from './cells';
import * as parquet from './parquet';
import { parseType, type AttributeType } from './types';

/**
 * How a value is entered in a form: as a text of one line or of several, a number, a choice, a time; as the content of a
 * file; as values in brackets; as a path within a store; or not at all.
 */
export type FieldKind = 'text' | 'long' | 'whole' | 'number' | 'bool' | 'enum' | 'date' | 'datetime' | 'json' | 'file' | 'values' | 'path' | 'none';

/** What a row of `KINDS` says. */
export interface Kind {
  /** Makes a cell of a column's value. */
  cell: MakeCell;
  /** How a form takes it. */
  field: FieldKind | ((type: AttributeType) => FieldKind);
  /** How a column of Parquet holds it. */
  parquet: parquet.ParquetColumn | ((type: AttributeType) => parquet.ParquetColumn);
  /** A number, which stands at the right. */
  number?: true;
  /** The server has no order for it. */
  unordered?: true;
  /** Values may be large, so that pages of rows and files of rows leave them out. */
  heavy?: true;
}

const LONG_TEXT = 200;
/** The codecs of stores whose values a browser can make. */
const OBJECT_FIELDS: Partial<Record<string, FieldKind>> = { attach: 'file', filepath: 'path' };
/** The dtypes of arrays whose elements have no plain numbers in a browser. */
const UNWRITTEN = new Set(['float16', 'complex64', 'complex128']);

const letters: Kind = { cell: textCell, field: ({ numbers: [length = 0] }) => (length > LONG_TEXT ? 'long' : 'text'), parquet: parquet.TEXT };
const heavy = { parquet: parquet.TEXT, unordered: true, heavy: true } as const;

/** The kinds, by their words; the server's are in `model/kinds.py`. */
export const KINDS: Record<string, Kind> = {
  int8: whole(parquet.INT32),
  int16: whole(parquet.INT32),
  int32: whole(parquet.INT32),
  int64: whole(parquet.INT64),
  uint8: whole(parquet.INT32),
  uint16: whole(parquet.INT32),
  uint32: whole(parquet.INT64),
  uint64: whole(parquet.UINT64),
  float32: { cell: numberCell, field: 'number', parquet: parquet.FLOAT, number: true },
  float64: { cell: numberCell, field: 'number', parquet: parquet.DOUBLE, number: true },
  decimal: { cell: decimalCell, field: 'number', parquet: parquet.decimal, number: true },
  bool: { cell: booleanCell, field: 'bool', parquet: parquet.BOOLEAN },
  char: letters,
  varchar: letters,
  text: { cell: textCell, field: 'long', parquet: parquet.TEXT },
  enum: { cell: textCell, field: 'enum', parquet: parquet.TEXT },
  date: { cell: dateCell, field: 'date', parquet: parquet.DATE },
  time: { cell: timeOfDayCell, field: 'text', parquet: parquet.TEXT },
  datetime: { cell: momentCell, field: 'datetime', parquet: parquet.MOMENT },
  timestamp: { cell: momentCell, field: 'datetime', parquet: parquet.MOMENT },
  timestamptz: { cell: zonedCell, field: 'text', parquet: parquet.ZONED },
  duration: { cell: durationCell, field: 'text', parquet: parquet.SPAN },
  uuid: { cell: uuidCell, field: 'text', parquet: parquet.TEXT },
  json: { cell: jsonCell, field: 'json', parquet: parquet.TEXT, unordered: true },
  bytes: { cell: bytesCell, field: 'file', ...heavy },
  blob: { cell: blobCell, field: 'values', ...heavy },
  attach: { cell: attachmentCell, field: 'file', ...heavy },
  array: { cell: arrayCell, field: ({ dtype }) => (UNWRITTEN.has(dtype) ? 'none' : 'values'), ...heavy },
  object: { cell: objectCell, field: ({ codec }) => OBJECT_FIELDS[codec] ?? 'none', parquet: parquet.TEXT, unordered: true },
};

function whole(column: parquet.ParquetColumn): Kind {
  return { cell: numberCell, field: 'whole', parquet: column, number: true };
}

/** Return what the page does with values of a type. */
export function kindOf(type: AttributeType): Kind {
  // A server that is newer than the page may have another kind; its values are shown as text.
  return KINDS[type.kind] ?? letters;
}

/** Return whether values may be large, so that pages of rows leave them out. */
export function isHeavy(attribute: { type: string }): boolean {
  return kindOf(parseType(attribute.type)).heavy ?? false;
}

/** Return how a form takes a value of a type; a codec of clients encodes in their languages alone. */
export function fieldKind(type: AttributeType): FieldKind {
  const { field } = kindOf(type);
  return type.encoded ? 'none' : typeof field === 'function' ? field(type) : field;
}

/** Return how a column of Parquet holds values of a type. */
export function parquetColumn(type: AttributeType): parquet.ParquetColumn {
  const { parquet: column } = kindOf(type);
  return typeof column === 'function' ? column(type) : column;
}
