/** What tells a job from the others of its cell or its workflow. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IJob } from '../colony/types';

/** Return which step it is and what a sweep has set for it, e.g. "step fit" or "lr=0.1"; nothing for a job of its own. */
export function which({ step, parameters }: IJob, trans: TranslationBundle): string {
  return [step && trans.__('step %1', step), parameters].filter(Boolean).join(' ');
}

/** Whether it is over without having begun, as the steps of a workflow are after one that has failed. */
export function neverRan({ state, started }: IJob): boolean {
  return state === 'failed' && started === null;
}
