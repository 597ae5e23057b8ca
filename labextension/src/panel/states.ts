/** The states of jobs and executors: a word and a sign for each, so that colour is never all that tells them apart. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { State } from '../colony/types';

export const STATES: readonly State[] = ['waiting', 'running', 'success', 'failed', 'cancelled'];

export function stateName(state: State, trans: TranslationBundle): string {
  switch (state) {
    case 'waiting':
      return trans.__('Waiting');
    case 'running':
      return trans.__('Running');
    case 'success':
      return trans.__('Success');
    case 'failed':
      return trans.__('Failed');
    case 'cancelled':
      return trans.__('Cancelled');
  }
}

/** Whether a job may still do something. */
export function isOpen(state: State): boolean {
  return state === 'waiting' || state === 'running';
}

/** The condition of an executor as a word; one that is not known here as it was told. */
export function conditionName(condition: string, trans: TranslationBundle): string {
  const names: Record<string, string> = {
    idle: trans.__('Idle'),
    busy: trans.__('Busy'),
    quiet: trans.__('Quiet'),
    'never heard': trans.__('Never heard'),
    'on demand': trans.__('On demand'),
    pending: trans.__('Pending'),
    rejected: trans.__('Rejected'),
    unregistered: trans.__('Unregistered'),
    unknown: trans.__('Unknown')
  };
  return names[condition] ?? condition;
}
