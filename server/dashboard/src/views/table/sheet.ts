// What the rows of a table are asked for.
import type { Attribute, Heading, Table } from '../../api/generated/levada_api/v1/schema_pb';
import { keyCondition, keyText, readKey } from '../../api/keys';
import { isHeavy } from '../../api/kinds';
import { fullName, nameOf, relation, tableOperand, type Name, type Query } from '../../api/tables';
import type { Relation } from '../../api/generated/levada_api/v1/relation_pb';
import { relatedRows } from './lineage';

export const PAGE = 50;

/**
 * Return the order in which the rows of a filter are shown unless the reader chooses one: that of an index whose attribute
 * the filter names; empty for the key's. PostgreSQL would look for the first rows of a filter along the key, and might read
 * half of the table before it comes upon one.
 */
export function orderOf(table: Table, filter: string): string {
  const indexed = table.indexes.map((index) => index.expressions[0] ?? '');
  const names = table.heading?.attributes.filter((one) => !one.primaryKey && indexed.includes(one.name)).map((one) => one.name);
  return names?.find((name) => new RegExp(`\\b${name}\\b`).test(filter)) ?? '';
}

/** Return the name under which a page says whether a heavy value is missing. */
export function missingName(attribute: Attribute): string {
  return `${attribute.name.slice(0, 48)}_missing_`;
}

/** The rows that a table shows: all, or those that belong to a row of another table. */
export interface Source {
  relation: Relation;
  /** Says which; empty for all. */
  text: string;
}

/** Find the rows that an address asks for: `of` and `key` name a row of another table, up- or downstream. */
export async function sourceOf(name: Name, query: Record<string, string>): Promise<Source> {
  const of = query['of'];
  const key = readKey(query['key']);
  if (!of || !key) return { relation: relation(tableOperand(name)), text: '' };
  for (const direction of ['up', 'down'] as const) {
    const found = (await relatedRows(nameOf(of), keyCondition(key), direction)).find((one) => fullName(one.table.name) === fullName(name));
    const what = direction === 'up' ? 'that it comes from' : 'that depend on it';
    if (found) return { relation: found.rows, text: `${of}, ${keyText(key)}: the rows ${what}` };
  }
  return { relation: relation(tableOperand(name)), text: '' };
}

/** Build the relation of a page of rows: light attributes, and for heavy ones whether they are missing. */
export function pageOf(source: Relation, heading: Heading, shown: readonly Attribute[], query: Query): Relation {
  const { order, limit, ...rest } = query;
  const base = relation(source, rest);
  const light = shown.filter((attribute) => !isHeavy(attribute));
  const heavy = shown.filter((attribute) => isHeavy(attribute) && attribute.nullable);
  const whole = light.length === heading.attributes.length;
  const items = [
    ...light.map((attribute) => ({ item: { case: 'attribute' as const, value: attribute.name } })),
    ...heavy.map((attribute) => ({ item: { case: 'named' as const, value: { name: missingName(attribute), expression: { text: `${attribute.name} IS NULL` } } } })),
  ];
  const projected = whole ? base : relation(base);
  if (!whole) projected.nodes.push(...relation({ case: 'project', value: { operand: base.nodes.length - 1, items } }).nodes);
  return order || limit !== undefined ? relation(projected, { order: order ?? [], ...(limit === undefined ? {} : { limit }) }) : projected;
}
