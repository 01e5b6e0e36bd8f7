// Rows of Arrow streams, decoded.
import { tableFromIPC, type Column } from '@uwdata/flechette';
import type { Cell } from './cells';
import { kindOf } from './kinds';
import { parseType } from './types';

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

function reader(spelling: string, column: Column<unknown>): (row: number) => Cell {
  const type = parseType(spelling);
  const make = kindOf(type).cell;
  return (row) => {
    const [value, raw] = at(column, row);
    return value === null || value === undefined ? { kind: 'null' } : make(value, raw, type);
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
