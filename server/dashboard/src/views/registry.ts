// The views. The code of each is loaded when it is first opened.
import type { Component } from 'svelte';
import type { Route } from '../shell/router.svelte';

/** Every view gets the place that it shows. */
export type View = Component<{ route: Route }>;

interface Entry {
  /** The first segment of its addresses. */
  name: string;
  title: string;
  load: () => Promise<{ default: View }>;
}

/** In the order of the navigation. */
export const VIEWS: readonly Entry[] = [
  { name: 'pipeline', title: 'Pipeline', load: () => import('./pipeline/Pipeline.svelte') },
  { name: 'table', title: 'Tables', load: () => import('./table/Table.svelte') },
  { name: 'jobs', title: 'Jobs', load: () => import('./jobs/Jobs.svelte') },
  { name: 'workers', title: 'Workers', load: () => import('./workers/Workers.svelte') },
  { name: 'entry', title: 'Data entry', load: () => import('./entry/Entry.svelte') },
  { name: 'access', title: 'Access', load: () => import('./access/Access.svelte') },
];
