/** How jobs are named where one of them is to be chosen. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IJob } from '../colony/types';
import { age } from '../panel/durations';
import { stateName } from '../panel/states';
import { which } from '../panel/which';
import { basename, short } from '../results/paths';

/** Return one line for each job; no two are the same, because each has the beginning of its id. */
export function choices(jobs: readonly IJob[], now: number, trans: TranslationBundle): string[] {
  return jobs.map(job =>
    [
      basename(job.notebook),
      which(job, trans),
      job.executor,
      stateName(job.state, trans),
      job.submitted === null ? '' : age(now - job.submitted, trans),
      short(job.id)
    ]
      .filter(Boolean)
      .join(' · ')
  );
}
