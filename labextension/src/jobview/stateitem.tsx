/** The state and the executor of a job, at the beginning of the toolbar. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IJob } from '../colony/types';
import { StateSign } from '../panel/icons';
import { stateName } from '../panel/states';
import type { Job } from './job';

export class StateItem extends ReactWidget {
  constructor(
    private readonly job: Job,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('pollinator-JobView-state');
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this.job.changed}>
        {() => <div role="status">{this.job.details && this.told(this.job.details)}</div>}
      </UseSignal>
    );
  }

  private told({ state, executor }: IJob): React.JSX.Element {
    return (
      <>
        <StateSign state={state} />
        <strong>{stateName(state, this.trans)}</strong>
        <span className="pollinator-JobView-place">{executor}</span>
      </>
    );
  }
}
