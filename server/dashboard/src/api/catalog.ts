// The schemas and tables that the caller may see.
import { schemas } from './clients';
import type { Schema, Table } from './generated/levada_api/v1/schema_pb';

/** List all schemas. */
export async function allSchemas(): Promise<Schema[]> {
  return everyPage(async (pageToken) => {
    const page = await schemas.listSchemas({ pageToken });
    return [page.schemas, page.nextPageToken];
  });
}

/** List the tables of all schemas, parents first. */
export async function allTables(): Promise<Table[]> {
  const found = (await allSchemas()).map((schema) =>
    everyPage(async (pageToken) => {
      const page = await schemas.listTables({ schema: schema.name, pageToken });
      return [page.tables, page.nextPageToken];
    }),
  );
  return (await Promise.all(found)).flat();
}

/** Collect the items of a paged list. */
export async function everyPage<Item>(load: (pageToken: string) => Promise<[Item[], string]>): Promise<Item[]> {
  const all: Item[] = [];
  let token = '';
  do {
    const [items, next] = await load(token);
    all.push(...items);
    token = next;
  } while (token);
  return all;
}
