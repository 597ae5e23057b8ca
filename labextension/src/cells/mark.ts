/** What is said of a cell whose jobs are open. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IJob } from '../colony/types';
import { stateName } from '../panel/states';

/** What a mark says. */
export interface IMark {
  state: 'waiting' | 'running';
  word: string;
  label: string;
  /** The job that it leads to. */
  job: string;
}

const SHORT = 12;

/** Return what to say of the open jobs of a cell; null if there are none. */
export function markOf(open: readonly IJob[], trans: TranslationBundle): IMark | null {
  const running = open.filter(job => job.state === 'running');
  const [first] = running.length ? running : open;
  if (!first) return null;
  const state = running.length ? 'running' : 'waiting';
  const name = stateName(state, trans);
  const number = running.length || open.length;
  return {
    state,
    word: open.length > 1 ? `${number} ${name.toLowerCase()}` : name,
    label:
      open.length > 1
        ? trans.__(
            '%1 jobs of this cell are open, %2 of them running. Open one of these.',
            open.length,
            running.length
          )
        : trans.__(
            'Job %1: %2 on %3. Open it.',
            first.id.slice(0, SHORT),
            name.toLowerCase(),
            first.executor
          ),
    job: first.id
  };
}
