// The rows that a row was computed from, and the rows that depend on it: restricted tables along the foreign keys.
import { create } from '@bufbuild/protobuf';
import { schemas } from '../../api/clients';
import { RelationSchema, type Relation } from '../../api/generated/levada_api/v1/relation_pb';
import type { ForeignKey, Table } from '../../api/generated/levada_api/v1/schema_pb';
import { fullName, tableOperand, type Condition, type Name, type Node } from '../../api/tables';

/** The rows of one table. */
export interface Related {
  table: Table;
  rows: Relation;
}

/**
 * Find the rows upstream or downstream of some rows, parents first.
 *
 * @param name The table of the rows.
 * @param condition Which rows.
 */
export async function relatedRows(name: Name, condition: Condition, direction: 'up' | 'down'): Promise<Related[]> {
  const steps = direction === 'up' ? { ancestorSteps: -1 } : { descendantSteps: -1 };
  const { tables } = await schemas.getGraph({ tables: [name], ...steps });
  const walk = new Walk(fullName(name), condition);
  const ordered = direction === 'up' ? [...tables].reverse() : tables;
  for (const table of ordered) {
    if (direction === 'up') walk.up(table);
    else walk.down(table, tables);
  }
  return tables.flatMap((table) => {
    const rows = fullName(table.name) === fullName(name) ? undefined : walk.rows(table);
    return rows ? [{ table, rows }] : [];
  });
}

/** Carries conditions from table to table, in one list of nodes whose parts are shared. */
class Walk {
  private readonly nodes: { operator: Node }[] = [];
  private readonly conditions: { kind: Condition }[] = [];
  private readonly found = new Map<string, number[]>();
  private readonly restricted = new Map<string, { node: number; conditionCount: number }>();

  constructor(start: string, condition: Condition) {
    this.found.set(start, [this.condition(condition)]);
  }

  up(table: Table): void {
    for (const key of table.foreignKeys) {
      this.carry(table, fullName(key.parent), key.attributes.map((pair) => [pair.child, pair.parent]));
    }
  }

  down(table: Table, tables: readonly Table[]): void {
    const isOwn = (key: ForeignKey): boolean => fullName(key.parent) === fullName(table.name);
    for (const child of tables) {
      for (const key of child.foreignKeys.filter(isOwn)) {
        this.carry(table, fullName(child.name), key.attributes.map((pair) => [pair.parent, pair.child]));
      }
    }
  }

  /** Return the rows that were reached in a table; undefined if none can be. */
  rows(table: Table): Relation | undefined {
    const node = this.node(table);
    const conditionCount = this.restricted.get(fullName(table.name))?.conditionCount;
    if (node === undefined) return undefined;
    return create(RelationSchema, { nodes: this.nodes.slice(0, node + 1), conditions: this.conditions.slice(0, conditionCount) });
  }

  /** Add to another table the condition that its rows agree with rows of this one: pairs of the names here and there. */
  private carry(table: Table, other: string, pairs: [string, string][]): void {
    const operand = this.node(table);
    if (operand === undefined) return;
    const renamed = new Map(pairs.filter(([here, there]) => here !== there).map(([here, there]) => [there, here]));
    const kept = pairs.filter(([here, there]) => here === there).map(([here]) => here);
    // A key attribute stays in every projection: one whose name is taken gets another name.
    for (const { name, primaryKey } of table.heading?.attributes ?? []) {
      if (primaryKey && renamed.has(name) && ![...renamed.values()].includes(name)) renamed.set(`other_${name}`, name);
    }
    const items = [
      ...kept.map((attribute) => ({ item: { case: 'attribute' as const, value: attribute } })),
      ...[...renamed].map(([there, here]) => ({ item: { case: 'named' as const, value: { name: there, expression: { text: here } } } })),
    ];
    const projected = this.add({ case: 'project', value: { operand, items } });
    const universe = this.add({ case: 'universalSet', value: { attributes: pairs.map(([, there]) => there) } });
    const matching = this.condition({ case: 'relation', value: { node: projected } });
    const distinct = this.add({ case: 'restrict', value: { operand: universe, condition: matching } });
    this.found.set(other, [...(this.found.get(other) ?? []), this.condition({ case: 'relation', value: { node: distinct } })]);
  }

  /** Return the node of a table, restricted by any of the conditions that reached it. */
  private node(table: Table): number | undefined {
    const name = fullName(table.name);
    const reached = this.found.get(name);
    if (!reached || !table.name) return undefined;
    const known = this.restricted.get(name);
    if (known) return known.node;
    const any = reached.length === 1 ? reached[0] : this.condition({ case: 'any', value: { conditions: reached } });
    const operand = this.add(tableOperand(table.name));
    const node = this.add({ case: 'restrict', value: { operand, condition: any ?? 0 } });
    this.restricted.set(name, { node, conditionCount: this.conditions.length });
    return node;
  }

  private add(operator: Node): number {
    return this.nodes.push({ operator }) - 1;
  }

  private condition(kind: Condition): number {
    return this.conditions.push({ kind }) - 1;
  }
}
