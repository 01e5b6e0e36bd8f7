// Jobs as relations over the job table, their states, and the actions on them.
import { create } from '@bufbuild/protobuf';
import { jobs, queries } from '../../api/clients';
import { RelationSchema, type Relation } from '../../api/generated/levada_api/v1/relation_pb';
import type { Progress } from '../../api/generated/levada_api/v1/job_pb';
import { jobsOperand, relation, type Condition, type Name } from '../../api/tables';
import { LISTED, namedIn } from './facts';

export const STATES = ['error', 'reserved', 'pending', 'success', 'ignored'] as const;
export type State = (typeof STATES)[number];

/** How many jobs a page shows. */
export const PAGE = 50;
const REASON_LETTERS = 200;

export interface JobAction {
  name: 'retry' | 'ignore' | 'cancel';
  title: string;
  /** The states of the jobs that it changes. */
  states: readonly State[];
  /** Says what happens to them. */
  effect: string;
  /** Says that it was done. */
  done: string;
}

export const ACTIONS: readonly JobAction[] = [
  { name: 'retry', title: 'Retry', states: ['error', 'ignored'], effect: 'will be pending again, with all attempts', done: 'pending again' },
  { name: 'ignore', title: 'Ignore', states: ['pending', 'error'], effect: 'will be skipped', done: 'ignored' },
  { name: 'cancel', title: 'Cancel', states: ['reserved'], effect: 'will be stopped and become errors, and no result is taken', done: 'cancelled' },
];

/** The job table of a table: its key, and the names of its other attributes, which begin with `job_` if the key has them. */
export interface JobHeading {
  key: string[];
  named: (name: string) => string;
}

/** Ask for the heading of a job table. */
export async function jobHeading(name: Name): Promise<JobHeading> {
  const heading = (await queries.describeRelation({ relation: relation(jobsOperand(name)) })).heading;
  const key = (heading?.attributes ?? []).filter((attribute) => attribute.primaryKey).map((attribute) => attribute.name);
  return { key, named: namedIn(key) };
}

/** Return the condition that jobs are in one of some states. */
export function inStates(heading: JobHeading, states: readonly State[]): Condition {
  const values = states.map((state) => ({ kind: { case: 'text' as const, value: state } }));
  const value = { kind: { case: 'list' as const, value: { values } } };
  return { case: 'mapping', value: { entries: [{ name: heading.named('state'), value }] } };
}

/** Return the order in which jobs of a state are shown first: by an index of the job table, so that it is quick. */
export function firstOrder(heading: JobHeading, state: string): string {
  return state === 'error' || state === 'success' ? `${heading.named('finished_time')} DESC` : 'KEY';
}

/** Return some jobs in an order, without their long texts. */
export function jobsPage(
  name: Name, heading: JobHeading, conditions: readonly Condition[], filter: string, order: string[], limit: number,
): Relation {
  const base = relation(jobsOperand(name), { filter, conditions: [...conditions] });
  const kept = LISTED.filter((fact) => fact.name !== 'reason').map((fact) => ({
    item: { case: 'attribute' as const, value: heading.named(fact.name) },
  }));
  const text = `concat(${heading.named('error_type')}, ': ', left(${heading.named('error_message')}, ${String(REASON_LETTERS)}))`;
  const reason = { item: { case: 'named' as const, value: { name: heading.named('reason'), expression: { text } } } };
  const projected = { case: 'project' as const, value: { operand: base.nodes.length - 1, items: [...kept, reason] } };
  const top = {
    case: 'top' as const,
    value: { operand: base.nodes.length, limit: BigInt(limit), order },
  };
  return create(RelationSchema, { nodes: [...base.nodes, { operator: projected }, { operator: top }], conditions: base.conditions });
}

/** Do an action on jobs; return how many it changed. */
export async function act(action: JobAction, name: Name, chosen: Relation): Promise<bigint> {
  const request = { name, jobs: chosen };
  switch (action.name) {
    case 'retry':
      return (await jobs.retryJobs(request)).jobCount;
    case 'ignore':
      return (await jobs.ignoreJobs(request)).jobCount;
    case 'cancel':
      return (await jobs.cancelJobs(request)).jobCount;
  }
}

/** Return the number of a table's jobs in a state. */
export function countOf(progress: Progress | undefined, state: State): bigint {
  return progress?.[`${state}Count`] ?? 0n;
}
