// Addresses within the page, in the fragment: `#/table/lab/Session?filter=…`. Each view has one, so links lead anywhere.

/** A place in the page. */
export interface Route {
  /** The name of a view. */
  view: string;
  /** Further segments: `['lab', 'Session']`. */
  path: string[];
  query: Record<string, string>;
}

const START = 'pipeline';

/** The present place. */
export const route = $state<Route>(parse(location.hash));

window.addEventListener('hashchange', () => { Object.assign(route, parse(location.hash)); });

/** Write the link to a place; empty values of the query are left out. */
export function link(view: string, path: readonly string[] = [], query: Record<string, string | undefined> = {}): string {
  const filled = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const search = new URLSearchParams(filled).toString();
  return `#/${[view, ...path].map(encodeURIComponent).join('/')}${search ? `?${search}` : ''}`;
}

/** Go to a link. With `replace`, the browser's Back skips the present place, as for filters while they are typed. */
export function go(target: string, replace = false): void {
  if (replace) {
    history.replaceState(null, '', target);
    Object.assign(route, parse(target));
  } else location.hash = target;
}

/** Go to the present place with some values of its query changed; undefined removes one. */
export function change(query: Record<string, string | undefined>, replace = true): void {
  go(link(route.view, route.path, { ...route.query, ...query }), replace);
}

function parse(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [view, ...rest] = path.split('/').filter(Boolean).map(decoded);
  return { view: view ?? START, path: rest, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** Decode a segment; one that was not encoded properly stays as it is. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
