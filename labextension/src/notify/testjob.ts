/** A job for tests, of which only what matters is said. */

import type { IJob } from '../colony/types';

export function job(told: Partial<IJob>): IJob {
  return {
    id: '0123456789abcdef'.repeat(4),
    state: 'success',
    executor: 'lumi-std',
    submitted: 0,
    started: 0,
    ended: 180_000,
    retries: 0,
    by: 'me',
    mine: true,
    project: 'fit',
    notebook: 'work/fit.ipynb',
    cell: 'c1',
    parameters: '',
    step: '',
    graph: '',
    ...told
  };
}
