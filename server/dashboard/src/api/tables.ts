// Tables, and the relations over them that views ask for.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { CallOptions } from '@connectrpc/connect';
import {
  RelationSchema,
  type ConditionSchema,
  type Relation,
  type RelationNodeSchema,
} from './generated/levada_api/v1/relation_pb';
import { TableTier, type Table, type TableName } from './generated/levada_api/v1/schema_pb';
import { queries } from './clients';
import { rowsOf, type Rows } from './rows';

/** A table's name, as plain values. */
export interface Name {
  schema: string;
  table: string;
}

export type Node = NonNullable<MessageInitShape<typeof RelationNodeSchema>['operator']>;
export type Condition = NonNullable<MessageInitShape<typeof ConditionSchema>['kind']>;

/** Write a table's name as people know it: `lab.Session`. */
export function fullName(name: Name | TableName | undefined): string {
  return name ? `${name.schema}.${name.table}` : '';
}

/** The words for tiers. */
export const TIERS: Record<TableTier, string> = {
  [TableTier.UNSPECIFIED]: 'schema',
  [TableTier.LOOKUP]: 'lookup',
  [TableTier.MANUAL]: 'manual',
  [TableTier.IMPORTED]: 'imported',
  [TableTier.COMPUTED]: 'computed',
  [TableTier.PART]: 'part',
};

/** Return whether jobs fill a table. */
export function isComputed(table: Pick<Table, 'tier'>): boolean {
  return table.tier === TableTier.IMPORTED || table.tier === TableTier.COMPUTED;
}

/** Part of a relation: conditions on it, then order, attributes and limits. */
export interface Query {
  /** The text of the expression language; empty: all rows. */
  filter?: string;
  /** `attribute`, `attribute DESC`, `KEY`. */
  order?: string[];
  /** The attributes to fetch besides the key; undefined: all. */
  attributes?: string[];
  limit?: number;
  offset?: number;
  conditions?: Condition[];
}

/** Build a relation: an operand or another relation, the conditions of a query, a projection, then its order and limit. */
export function relation(operand: Node | Relation, query: Query = {}): Relation {
  const base = '$typeName' in operand && operand.$typeName === RelationSchema.typeName ? operand : undefined;
  const nodes: { operator: Node }[] = base ? [...base.nodes] : [{ operator: operand as Node }];
  const conditions: { kind: Condition }[] = base ? [...base.conditions] : [];
  const kinds: Condition[] = [...(query.conditions ?? [])];
  if (query.filter?.trim()) kinds.push({ case: 'expression', value: { text: query.filter } });
  for (const kind of kinds) {
    conditions.push({ kind });
    nodes.push({
      operator: { case: 'restrict', value: { operand: nodes.length - 1, condition: conditions.length - 1 } },
    });
  }
  if (query.attributes) {
    const items = query.attributes.map((attribute) => ({ item: { case: 'attribute' as const, value: attribute } }));
    nodes.push({ operator: { case: 'project', value: { operand: nodes.length - 1, items } } });
  }
  if (query.limit !== undefined || query.order?.length) {
    nodes.push({
      operator: {
        case: 'top',
        value: {
          operand: nodes.length - 1,
          ...(query.limit === undefined ? {} : { limit: BigInt(query.limit) }),
          order: query.order ?? [],
          offset: BigInt(query.offset ?? 0),
        },
      },
    });
  }
  return create(RelationSchema, { nodes, conditions });
}

/** The rows of a table, as an operand. */
export function tableOperand(name: Name): Node {
  return { case: 'table', value: { name: { schema: name.schema, table: name.table } } };
}

/** The jobs of a table, as an operand. */
export function jobsOperand(name: Name): Node {
  return { case: 'jobTable', value: { name: { schema: name.schema, table: name.table } } };
}

/** How long the server looks for rows or counts them unless a reader lets it take its time. */
export const LOOK_MS = 400;

/**
 * Return the options of a call that a view may end, and that the server gives up in time if it is a quick one. The
 * server's time counts alone: a slow network would end each call.
 */
function optionsOf(signal: AbortSignal | undefined, quick: boolean): CallOptions {
  return { ...(signal ? { signal } : {}), ...(quick ? { headers: { 'grpc-timeout': `${String(LOOK_MS)}m` } } : {}) };
}

/** Fetch the rows of a relation whose size is bounded by its limit; large values stream. */
export async function fetchRows(wanted: Relation, signal?: AbortSignal, quick = false): Promise<Rows> {
  const options = optionsOf(signal, quick);
  const few = await queries.fetchFewRows({ fetch: { relation: wanted } }, options);
  if (!few.tooLarge && few.result) return rowsOf(few.result.arrowIpc);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of queries.fetchRelation({ relation: wanted }, options)) {
    pieces.push(piece.arrowIpc as Uint8Array<ArrayBuffer>);
  }
  return rowsOf(new Uint8Array(await new Blob(pieces).arrayBuffer()));
}

/** Return how many rows a relation has. */
export async function countRows(wanted: Relation, signal?: AbortSignal, quick = false): Promise<bigint> {
  return (await queries.countRelation({ relation: wanted }, optionsOf(signal, quick))).entityCount;
}

/** Read a full name: `lab.Session.Trial` is the part `Session.Trial` of the schema `lab`. */
export function nameOf(full: string): Name {
  const dot = full.indexOf('.');
  return { schema: full.slice(0, dot < 0 ? undefined : dot), table: dot < 0 ? '' : full.slice(dot + 1) };
}
