// The tables that the pipeline shows.
import { schemas } from '../../api/clients';
import type { Schema, Table } from '../../api/generated/levada_api/v1/schema_pb';
import type { LayOutGraphResponse } from '../../api/generated/levada_api/v1/schema_service_pb';
import { fullName, type Name } from '../../api/tables';

/** The most tables that are shown without being chosen. */
export const MOST_TABLES = 1_000;

/** List all schemas, by name. */
export async function listSchemas(): Promise<Schema[]> {
  const found: Schema[] = [];
  let pageToken = '';
  do {
    const page = await schemas.listSchemas({ pageToken });
    found.push(...page.schemas);
    pageToken = page.nextPageToken;
  } while (pageToken);
  return found;
}

/** Return the tables of some schemas, parents first. */
export async function tablesOf(names: string[]): Promise<Table[]> {
  return names.length ? (await schemas.getGraph({ schemas: names })).tables : [];
}

/** Return a table, all that it depends on, and all that depends on it. */
export async function tablesAround(name: Name): Promise<Table[]> {
  return (await schemas.getGraph({ tables: [name], ancestorSteps: -1, descendantSteps: -1 })).tables;
}

/** Return the tables on all ways between two tables, whichever depends on the other; none if neither does. */
export async function tablesBetween(first: Name, second: Name): Promise<Table[]> {
  for (const [upper, lower] of [[first, second], [second, first]] as const) {
    const [below, above] = await Promise.all([
      schemas.getGraph({ tables: [upper], descendantSteps: -1 }),
      schemas.getGraph({ tables: [lower], ancestorSteps: -1 }),
    ]);
    const names = new Set(above.tables.map((table) => fullName(table.name)));
    const found = below.tables.filter((table) => names.has(fullName(table.name)));
    if (found.length) return found;
  }
  return [];
}

/** How the reader wants schemas drawn. */
export interface Folding {
  collapsed: ReadonlySet<string>;
  expanded: ReadonlySet<string>;
}

/** Ask the server for the places of the boxes of some tables. */
export async function layOut(tables: readonly Table[], folding: Folding): Promise<LayOutGraphResponse> {
  const names = tables.flatMap((table) => (table.name ? [table.name] : []));
  return schemas.layOutGraph({
    tables: names.filter((name) => !folding.collapsed.has(name.schema)),
    collapsedTables: names.filter((name) => folding.collapsed.has(name.schema)),
    expandedSchemas: [...folding.expanded],
    includeLine: true,
  });
}
