/** The listing as a widget of the main area. */

import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import type { Api } from '../colony/api';
import { type IActions, Listing } from './listing';
import type { ResultList } from './resultlist';

export class ResultsWidget extends ReactWidget {
  constructor(
    private readonly api: Api,
    readonly list: ResultList,
    private readonly trans: TranslationBundle,
    private readonly actions: IActions
  ) {
    super();
    this.addClass('pollinator-Results');
    this.node.tabIndex = -1;
  }

  override dispose(): void {
    this.list.dispose();
    super.dispose();
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this.list.changed}>
        {() => (
          <Listing api={this.api} list={this.list} actions={this.actions} trans={this.trans} />
        )}
      </UseSignal>
    );
  }

  /** The keys are for the rows, once there are any. */
  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    const row = this.node.querySelector<HTMLElement>('.pollinator-Results-name[tabindex="0"]');
    (row ?? this.node).focus();
  }
}
