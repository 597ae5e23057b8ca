/** Spans of time as people read them at a glance: one number and one unit. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IJob } from '../colony/types';

const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Return e.g. "12 s", "3 min", "2 h", "5 d"; what lies in the future is "0 s", because clocks differ. */
export function span(ms: number, trans: TranslationBundle): string {
  if (ms < SECOND) return trans.__('%1 s', 0);
  if (ms < MINUTE) return trans.__('%1 s', Math.floor(ms / SECOND));
  if (ms < HOUR) return trans.__('%1 min', Math.floor(ms / MINUTE));
  if (ms < 2 * DAY) return trans.__('%1 h', Math.floor(ms / HOUR));
  return trans.__('%1 d', Math.floor(ms / DAY));
}

/** Return e.g. "3 min ago". It is right for a minute, or longer. */
export function age(ms: number, trans: TranslationBundle): string {
  return ms < MINUTE ? trans.__('just now') : trans.__('%1 ago', span(ms, trans));
}

/** Return for how long a job has run, or had, in milliseconds; null if it never did. */
export function ran(job: IJob, now: number): number | null {
  if (job.started === null || job.state === 'waiting') return null;
  return Math.max((job.ended ?? now) - job.started, 0);
}

/** Return for how long a job waits, runs or ran, in milliseconds; null if it never ran. */
export function spent(job: IJob, now: number): number | null {
  if (job.state !== 'waiting') return ran(job, now);
  return job.submitted === null ? null : Math.max(now - job.submitted, 0);
}

/** Return how long a text made from a span of time stays as it is, at the most: a second, or a minute. */
export function pace(ms: number): number {
  return ms < MINUTE ? SECOND : MINUTE;
}
