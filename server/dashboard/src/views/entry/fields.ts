// How each attribute of a table is entered.
import type { Attribute, ForeignKey, Table } from '../../api/generated/levada_api/v1/schema_pb';
import type { Problem } from '../../api/errors';
import { fullName } from '../../api/tables';
import { fieldKind, type FieldKind } from '../../api/kinds';
import { parseType, type AttributeType } from '../../api/types';
import { arrayBytes, blobBytes, fileBytes } from './stored';

export interface Field {
  name: string;
  attribute: Attribute;
  type: AttributeType;
  kind: FieldKind;
  /** It must be filled in. */
  required: boolean;
  /** Says what it holds if it is left empty. */
  hint: string;
}

/** Return the fields of a table's form, in the order of its heading. */
export function fieldsOf(table: Table): Field[] {
  return (table.heading?.attributes ?? []).map((attribute) => {
    const type = parseType(attribute.type);
    const fallback = attribute.defaultValue;
    return {
      name: attribute.name,
      attribute,
      type,
      kind: fieldKind(type),
      required: !attribute.nullable && fallback === undefined && !attribute.autoIncrement,
      hint: attribute.autoIncrement ? 'empty: the next number' : fallback !== undefined && !['null', "''", '""'].includes(fallback.toLowerCase()) ? `empty: ${fallback}` : attribute.nullable ? 'may be empty' : '',
    };
  });
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
  if (typeof given !== 'string') return fileBytes(given, field.type);
  return field.type.kind === 'array' ? arrayBytes(given, field.type) : blobBytes(given);
}

/** Return the text to send for what was entered: an empty field is the default, or an empty text where one is required. */
export function entered(field: Field, text: string): string | null {
  if (text !== '') return text;
  return field.required && (field.kind === 'text' || field.kind === 'long') ? '' : null;
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
