// How columns of Parquet hold cells.
import type { SchemaElement } from 'hyparquet';
import { sentText, type Cell } from './cells';
import type { AttributeType } from './types';

export interface ParquetColumn {
  element: Partial<SchemaElement>;
  value: (cell: Cell) => unknown;
}

const number = (cell: Cell): unknown => (cell.kind === 'number' ? Number(cell.value) : null);
const whole = (cell: Cell): unknown => (cell.kind === 'number' ? BigInt(cell.value) : null);
const raw = (cell: Cell): unknown => (cell.kind === 'time' ? cell.raw : null);

export const BOOLEAN: ParquetColumn = { element: { type: 'BOOLEAN' }, value: (cell) => (cell.kind === 'boolean' ? cell.value : null) };
export const INT32: ParquetColumn = { element: { type: 'INT32' }, value: number };
export const INT64: ParquetColumn = { element: { type: 'INT64' }, value: whole };
export const UINT64: ParquetColumn = { element: { type: 'INT64', converted_type: 'UINT_64' }, value: whole };
export const FLOAT: ParquetColumn = { element: { type: 'FLOAT' }, value: number };
export const DOUBLE: ParquetColumn = { element: { type: 'DOUBLE' }, value: number };
export const DATE: ParquetColumn = { element: { type: 'INT32', converted_type: 'DATE' }, value: (cell) => (cell.kind === 'time' ? Number(cell.raw) : null) };
export const MOMENT = moment(false);
export const ZONED = moment(true);
/** A span of time, in microseconds. */
export const SPAN: ParquetColumn = { element: { type: 'INT64' }, value: raw };
export const TEXT: ParquetColumn = { element: { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, value: sentText };

export function decimal({ numbers: [precision = 38, scale = 0] }: AttributeType): ParquetColumn {
  return {
    element: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, converted_type: 'DECIMAL', precision, scale },
    value: (cell) => (cell.kind === 'number' ? BigInt(cell.text.replace('.', '')) : null),
  };
}

function moment(isAdjustedToUTC: boolean): ParquetColumn {
  return { element: { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit: 'MICROS' } }, value: raw };
}
