/** What is said of jobs that have ended: one at a time, or many in one sentence. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IJob, State } from '../colony/types';
import { ran, span } from '../panel/durations';
import { basename, short } from '../results/paths';

/** Of which endings one wants to hear. */
export type Wanted = 'all' | 'background' | 'failures' | 'none';

/** Jobs that are told of together. */
export interface IGroup {
  /** Later jobs of the same key belong to the same sentence. */
  key: string;
  jobs: readonly IJob[];
}

/** More than so many sentences at once are one. */
const SENTENCES = 3;
/** JupyterLab cuts a message off after 140 characters. */
const LONGEST_NAME = 40;

/** Whether a job is told of; `inSight` tells whether its notebook is what one is looking at. */
export function isWanted(job: IJob, wanted: Wanted, inSight: boolean): boolean {
  switch (wanted) {
    case 'all':
      return true;
    case 'background':
      return !inSight;
    case 'failures':
      return job.state === 'failed' && !inSight;
    case 'none':
      return false;
  }
}

/** Divide jobs that have ended into what is told in one sentence each: a sweep or workflow in one, many jobs in one. */
export function gathered(jobs: readonly IJob[]): IGroup[] {
  const groups = new Map<string, IJob[]>();
  for (const job of jobs) {
    const key = keyOf(job);
    groups.set(key, [...(groups.get(key) ?? []), job]);
  }
  if (groups.size > SENTENCES) return [{ key: 'all', jobs }];
  return [...groups].map(([key, of]) => ({ key, jobs: of }));
}

/** The steps of a workflow belong together, and jobs that a sweep has set parameters for, if they are of one cell. */
function keyOf(job: IJob): string {
  if (job.graph) return `workflow ${job.graph}`;
  return job.parameters ? `sweep ${job.project} ${job.notebook} ${job.cell}` : job.id;
}

/** Return what is said of jobs, in at most 140 characters. */
export function sentence(jobs: readonly IJob[], trans: TranslationBundle): string {
  const [first, ...others] = jobs;
  if (first === undefined) return '';
  return others.length ? ofMany(jobs, trans) : ofOne(first, trans);
}

function ofOne(job: IJob, trans: TranslationBundle): string {
  const name = cut(basename(job.notebook)) || trans.__('Job %1', short(job.id));
  const executor = cut(job.executor);
  const time = ran(job, job.ended ?? 0);
  if (time === null) return trans.__('%1: %2 before it ran', name, ended(job.state, trans));
  return trans.__(
    '%1: %2 on %3 after %4',
    name,
    ended(job.state, trans),
    executor,
    span(time, trans).replace(' ', '\u00a0')
  );
}

function ofMany(jobs: readonly IJob[], trans: TranslationBundle): string {
  const notebook = common(jobs.map(job => job.notebook));
  const counts = (['success', 'failed', 'cancelled'] as const)
    .map(state => ({ state, count: jobs.filter(job => job.state === state).length }))
    .filter(({ count }) => count > 0)
    .map(({ state, count }) => `${count} ${ended(state, trans)}`)
    .join(', ');
  return notebook
    ? trans.__('%1: %2 jobs ended (%3)', cut(basename(notebook)), jobs.length, counts)
    : trans.__('%1 jobs ended (%2)', jobs.length, counts);
}

function ended(state: State, trans: TranslationBundle): string {
  switch (state) {
    case 'success':
      return trans.__('succeeded');
    case 'failed':
      return trans.__('failed');
    default:
      return trans.__('cancelled');
  }
}

/** Return how serious it is. */
export function kind(jobs: readonly IJob[]): 'success' | 'error' | 'info' {
  if (jobs.some(job => job.state === 'failed')) return 'error';
  return jobs.every(job => job.state === 'success') ? 'success' : 'info';
}

/** Return what all of these are, or nothing. */
export function common(texts: readonly string[]): string {
  const [first = ''] = texts;
  return texts.every(text => text === first) ? first : '';
}

function cut(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}
