/** What is asked before a job is cancelled. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { IGraphSize, IJob } from '../colony/types';
import { short } from '../results/paths';

export interface IQuestion {
  title: string;
  body: string;
  /** What the button says that does it. */
  accept: string;
}

/** Return the question for a job; a step cannot be cancelled alone. `size` is undefined where it is not known. */
export function question(
  { id, step, graph }: Pick<IJob, 'id' | 'step' | 'graph'>,
  size: IGraphSize | undefined,
  trans: TranslationBundle
): IQuestion {
  if (!graph) {
    return {
      title: trans.__('Cancel Job %1?', short(id)),
      body: trans.__('It will not go on and cannot be resumed. Its log stays.'),
      accept: trans.__('Cancel Job')
    };
  }
  const name = step || short(id);
  const known = size !== undefined && size.steps > 1;
  return {
    title: trans.__('Cancel the Workflow of Job %1?', short(id)),
    body: [
      known
        ? trans.__('“%1” is a step of a workflow of %2 steps.', name, size.steps)
        : trans.__('“%1” is a step of a workflow.', name),
      known
        ? trans.__('Cancelling it cancels all of them that have not ended: %1 now.', size.open)
        : trans.__('Cancelling it cancels all steps that have not ended.'),
      trans.__('They will not go on and cannot be resumed. Their logs stay.')
    ].join(' '),
    accept: trans.__('Cancel Workflow')
  };
}
