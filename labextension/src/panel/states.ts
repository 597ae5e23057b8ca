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
