/** What there is to say about a job, in words. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IJob, IJobDetails } from '../colony/types';
import { isOpen } from '../panel/states';
import { short } from '../results/paths';

export interface IFact {
  label: string;
  value: string;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Return the two largest units of a time, e.g. "3.2 s", "5 min 12 s", "2 h", "3 d 4 h". */
export function lasting(ms: number, trans: TranslationBundle): string {
  const rest = Math.max(ms, 0);
  if (rest < 10 * SECOND) return trans.__('%1 s', (Math.floor(rest / 100) / 10).toFixed(1));
  const units: [number, (count: number) => string][] = [
    [DAY, count => trans.__('%1 d', count)],
    [HOUR, count => trans.__('%1 h', count)],
    [MINUTE, count => trans.__('%1 min', count)],
    [SECOND, count => trans.__('%1 s', count)]
  ];
  const at = units.findIndex(([size]) => rest >= size);
  let left = rest;
  return units
    .slice(at, at + 2)
    .map(([size, write]) => {
      const count = Math.floor(left / size);
      left -= count * size;
      return count ? write(count) : '';
    })
    .filter(Boolean)
    .join(' ');
}

/** Return when what happened, how long that took, and what must have happened until when. */
export function timings(job: IJobDetails, now: number, trans: TranslationBundle): IFact[] {
  const facts: IFact[] = [];
  const moment = (label: string, at: number | null): void => {
    if (at !== null) facts.push({ label, value: written(at, now) });
  };
  const span = (label: string, from: number | null, to: number): void => {
    if (from !== null) facts.push({ label, value: lasting(to - from, trans) });
  };
  moment(trans.__('Submitted'), job.submitted);
  span(trans.__('Waited'), job.submitted, job.started ?? job.ended ?? now);
  if (job.state === 'waiting') moment(trans.__('Must start by'), job.waitDeadline);
  moment(trans.__('Started'), job.started);
  span(trans.__('Ran'), job.started, job.ended ?? now);
  if (job.state === 'running') moment(trans.__('Must end by'), job.execDeadline);
  moment(trans.__('Ended'), job.ended);
  if (job.retries) facts.push({ label: trans.__('Retries'), value: String(job.retries) });
  return facts;
}

/** Return what the job was submitted with: what it asks of an executor. */
export function resources(spec: unknown, trans: TranslationBundle): IFact[] {
  const all = fields(spec);
  const conditions = fields(all['conditions']);
  const gpu = fields(conditions['gpu']);
  const seconds = (value: unknown): string =>
    Number(value) > 0 ? lasting(Number(value) * SECOND, trans) : '';
  const walltime = seconds(conditions['walltime']);
  const count = Number(gpu['count']) > 0 ? gpu['count'] : '';
  const facts: [string, unknown][] = [
    [trans.__('Nodes'), conditions['nodes']],
    [trans.__('Processes'), conditions['processes']],
    [trans.__('Processes per node'), conditions['processespernode']],
    [trans.__('CPU'), conditions['cpu']],
    [trans.__('Memory'), conditions['mem']],
    [trans.__('Storage'), conditions['storage']],
    [trans.__('GPU'), [count, count && gpu['name']].filter(Boolean).join(' × ')],
    [trans.__('GPU memory'), count && gpu['mem']],
    [trans.__('Walltime'), walltime],
    [trans.__('Waits at most'), seconds(all['maxwaittime'])],
    [trans.__('Runs at most'), walltime ? '' : seconds(all['maxexectime'])]
  ];
  return facts
    .map(([label, value]) => ({ label, value: amount(value) }))
    .filter(({ value }) => value !== '');
}

/** Return where a job comes from. */
export function origin(job: IJob, trans: TranslationBundle): IFact[] {
  return [
    { label: trans.__('Executor'), value: job.executor },
    { label: trans.__('Step'), value: job.step },
    { label: trans.__('Workflow'), value: short(job.graph) },
    { label: trans.__('Parameters'), value: job.parameters },
    { label: trans.__('Project'), value: job.project },
    { label: trans.__('User'), value: job.by }
  ].filter(({ value }) => value !== '');
}

/** Return an address that may be a link: pages only, nothing that runs. */
export function page(address: string): string {
  try {
    return ['http:', 'https:'].includes(new URL(address).protocol) ? address : '';
  } catch {
    return '';
  }
}

/** Whether times go on while one looks. */
export function ticks(job: IJob): boolean {
  return isOpen(job.state);
}

/** Return a moment in the way of the reader's language; the day only if it is another one. */
function written(at: number, now: number): string {
  const [moment, today] = [new Date(at), new Date(now)];
  return moment.toDateString() === today.toDateString()
    ? moment.toLocaleTimeString()
    : moment.toLocaleString();
}

/** Return an amount; nothing for none, however the colony writes that ("0m", "0Mi"). */
function amount(value: unknown): string {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  return /^-?0*(?:\.0*)?[A-Za-z]*$/.test(text) ? '' : text;
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
