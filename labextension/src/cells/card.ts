/** What the metadata of an output say of the card that it is. They come out of a file: nothing of them is believed. */

import type { PartialJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';

export interface ICard {
  /** The ids of its jobs; of a large group, the first part of each, as `short` gives it. */
  jobs: string[];
  /** How many jobs it has. */
  count: number;
  /** Whether it shows a group, and not a job of its own. */
  group: boolean;
  /** Whether it has said its last word. */
  final: boolean;
}

const ID = /^[0-9a-f]{64}$/;
const SHORT = /^[0-9a-f]{12}$/;
/** So many jobs of one card are looked at: as many as a sweep has at most. */
const MOST = 1000;

/** Return the card that an output with these metadata is, or null. */
export function cardOf(metadata: ReadonlyPartialJSONObject): ICard | null {
  const mark = metadata['pollinator'];
  if (typeof mark !== 'object' || mark === null || Array.isArray(mark)) return null;
  const { job, jobs, count, final } = mark as Record<string, unknown>;
  if (isId(job)) return { jobs: [job], count: 1, group: false, final: final === true };
  if (!Array.isArray(jobs)) return null;
  const ids = jobs.slice(0, MOST).filter(isName);
  if (ids.length === 0) return null;
  const all = typeof count === 'number' && count > ids.length ? count : ids.length;
  return { jobs: ids, count: all, group: true, final: final === true };
}

/** Return what the metadata of the card say when it has said its last word. */
export function finalMark({ jobs, count, group }: ICard): PartialJSONObject {
  return group ? { jobs, count, final: true } : { job: jobs[0] ?? '', final: true };
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

function isName(value: unknown): value is string {
  return isId(value) || (typeof value === 'string' && SHORT.test(value));
}
