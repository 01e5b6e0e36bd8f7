// How each attribute of a table is entered.
import type { Attribute, ForeignKey, Table } from '../../api/generated/levada_api/v1/schema_pb';
import type { Problem } from '../../api/errors';
import { fullName } from '../../api/tables';
import { arrayBytes, arrayType, blobBytes, fileBytes, isEnterable } from './stored';

export interface Field {
  name: string;
  attribute: Attribute;
  kind: 'text' | 'long' | 'whole' | 'number' | 'bool' | 'enum' | 'date' | 'datetime' | 'file' | 'values' | 'path' | 'none';
  /** The labels of an enum. */
  choices: string[];
  /** It must be filled in. */
  required: boolean;
  /** Says what it holds if it is left empty. */
  hint: string;
}

const WORDS: Partial<Record<string, Field['kind']>> = {
  bool: 'bool', boolean: 'bool', enum: 'enum', date: 'date', datetime: 'datetime', timestamp: 'datetime',
  int8: 'whole', int16: 'whole', int32: 'whole', int64: 'whole', uint8: 'whole', uint16: 'whole', uint32: 'whole', uint64: 'whole',
  int: 'whole', integer: 'whole', tinyint: 'whole', smallint: 'whole', mediumint: 'whole', bigint: 'whole',
  float32: 'number', float64: 'number', float: 'number', double: 'number', real: 'number', decimal: 'number', numeric: 'number',
  json: 'long', blob: 'values', longblob: 'values', mediumblob: 'values', tinyblob: 'values', bytes: 'file', binary: 'file', varbinary: 'file',
};
const LONG_TEXT = 200;

/** Return the fields of a table's form, in the order of its heading. */
export function fieldsOf(table: Table): Field[] {
  return (table.heading?.attributes ?? []).map((attribute) => {
    const word = /^[<\s]*([a-z0-9]+)/i.exec(attribute.type)?.[1]?.toLowerCase() ?? '';
    const letters = Number(/^(?:var)?char\((\d+)/i.exec(attribute.type)?.[1] ?? '0');
    const kind = attribute.type.startsWith('<') ? storedKind(attribute.type) : WORDS[word] ?? (letters > LONG_TEXT || word === 'text' ? 'long' : 'text');
    const fallback = attribute.defaultValue;
    return {
      name: attribute.name,
      attribute,
      kind,
      choices: kind === 'enum' ? labelsOf(attribute.type) : [],
      required: !attribute.nullable && fallback === undefined && !attribute.autoIncrement,
      hint: attribute.autoIncrement ? 'empty: the next number' : fallback !== undefined && !['null', "''", '""'].includes(fallback.toLowerCase()) ? `empty: ${fallback}` : attribute.nullable ? 'may be empty' : '',
    };
  });
}

/** Return how a value between angle brackets is entered; a codec of clients encodes in their languages alone. */
function storedKind(type: string): Field['kind'] {
  if (/^<\s*blob\s*>$/i.test(type)) return 'values';
  if (/^<\s*attach\s*(@\w*)?\s*>$/i.test(type)) return 'file';
  if (/^<\s*filepath\s*@/i.test(type)) return 'path';
  return isEnterable(arrayType(type)?.dtype ?? '') ? 'values' : 'none';
}

/** Return whether a value is written as plain text, so that it can come from a CSV file and is shown in pages of rows. */
export function isPlain(field: Field): boolean {
  return !['file', 'values', 'path', 'none'].includes(field.kind);
}

/** A fault of what was entered in one field. */
export class FieldError extends Error {
  constructor(readonly field: string, message: string) {
    super(message);
  }
}

/** Return the bytes to store for what was entered; null for nothing. */
export async function storedBytes(field: Field, given: string | File | undefined): Promise<Uint8Array | null> {
  if (!given || (typeof given === 'string' && !given.trim())) return null;
  if (typeof given !== 'string') return fileBytes(given, field.attribute.type);
  const array = arrayType(field.attribute.type);
  return array ? arrayBytes(given, array) : blobBytes(given);
}

/** Read the labels of `enum('a', 'b')`. */
function labelsOf(type: string): string[] {
  return [...type.matchAll(/'((?:[^']|'')*)'|"((?:[^"]|"")*)"/g)].map((found) => (found[1] ?? found[2] ?? '').replaceAll("''", "'").replaceAll('""', '"'));
}

/** Return the text to send for what was entered: an empty field is the default, or an empty text where one is required. */
export function entered(field: Field, text: string): string | null {
  if (text !== '') return text;
  return field.required && (field.kind === 'text' || field.kind === 'long') && !/^json/i.test(field.attribute.type) ? '' : null;
}

/** Return the foreign keys of a table whose parents can be chosen. */
export function parentsOf(table: Table): ForeignKey[] {
  return table.foreignKeys.filter((key) => key.attributes.length);
}

/** Return the names of the fields that a problem is about. */
export function atFault(problem: Problem, table: Table): string[] {
  const attribute = problem.details['attribute'];
  if (attribute) return [attribute];
  if (problem.reason === 'MISSING_PARENT') {
    const key = table.foreignKeys.find((one) => fullName(one.parent) === problem.details['parent']);
    return key?.attributes.map((pair) => pair.child) ?? [];
  }
  if (problem.reason !== 'DUPLICATE_ENTITY') return [];
  const named = problem.details['key'] ?? '';
  return (table.heading?.attributes ?? []).map((one) => one.name).filter((name) => named.includes(`${name}=`));
}

/** Write a message of the server for a form, which has no rows to number. */
export function forForm(message: string): string {
  return message.replace(/^`[^`]*`(?:, row \d+)?[:,]\s*/, '').replace(/^attribute `[^`]*`:\s*/, '');
}
