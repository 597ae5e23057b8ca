/** The bar above the log in which one searches it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  caretDownEmptyThinIcon,
  caretUpEmptyThinIcon,
  caseSensitiveIcon,
  closeIcon,
  ReactWidget,
  regexIcon,
  UseSignal,
  type LabIcon
} from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IQuery } from './find';
import type { Searching } from './searching';

export interface IFindActions {
  ask: (query: IQuery) => void;
  next: () => void;
  previous: () => void;
  close: () => void;
}

export class FindBar extends ReactWidget {
  constructor(
    private readonly searching: Searching,
    private readonly actions: IFindActions,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('pollinator-Find');
    this.hide();
  }

  /** Show the bar, with the cursor in its field. */
  open(): void {
    this.show();
    const enter = (): void => {
      const input = this.node.querySelector('input');
      input?.focus();
      input?.select();
    };
    if (this.node.querySelector('input')) enter();
    else void this.renderPromise?.then(enter);
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this.searching.changed}>
        {() => <Find searching={this.searching} actions={this.actions} trans={this.trans} />}
      </UseSignal>
    );
  }
}

interface IFindProps {
  searching: Searching;
  actions: IFindActions;
  trans: TranslationBundle;
}

function Find({ searching, actions, trans }: IFindProps): React.JSX.Element {
  const { query } = searching;
  const problem = searching.tooSlow
    ? trans.__(
        'This regular expression takes too long in this log. Make it simpler, or search for plain text.'
      )
    : searching.problem;
  const change = (part: Partial<IQuery>): void => actions.ask({ ...query, ...part });
  const pressed = (event: React.KeyboardEvent): void => {
    if (event.key === 'Escape') actions.close();
    else if (event.key === 'Enter' && event.shiftKey) actions.previous();
    else if (event.key === 'Enter') actions.next();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div role="search" className="pollinator-Find-row">
      <div className="pollinator-Find-field" data-invalid={problem !== ''}>
        <input
          type="text"
          placeholder={trans.__('Find in log')}
          aria-label={trans.__('Find in log')}
          aria-invalid={problem !== ''}
          title={problem}
          spellCheck={false}
          value={query.text}
          onChange={event => change({ text: event.target.value })}
          onKeyDown={pressed}
        />
        <Toggle
          icon={caseSensitiveIcon}
          label={trans.__('Match case')}
          on={query.matchCase}
          onChange={matchCase => change({ matchCase })}
        />
        <Toggle
          icon={regexIcon}
          label={trans.__('Use regular expression')}
          on={query.regex}
          onChange={regex => change({ regex })}
        />
      </div>
      <output className="pollinator-Find-count" aria-live="polite">
        {count(searching, trans)}
      </output>
      <Push
        icon={caretUpEmptyThinIcon}
        label={trans.__('Previous match (Shift+Enter)')}
        onPush={actions.previous}
      />
      <Push
        icon={caretDownEmptyThinIcon}
        label={trans.__('Next match (Enter)')}
        onPush={actions.next}
      />
      <Push icon={closeIcon} label={trans.__('Close (Escape)')} onPush={actions.close} />
    </div>
  );
}

/** Say which match it is and how many there are; an ellipsis tells that the search goes on. */
function count(searching: Searching, trans: TranslationBundle): string {
  if (searching.tooSlow) return trans.__('Expression takes too long');
  if (searching.problem) return trans.__('Invalid expression');
  if (!searching.query.text) return '';
  if (!searching.count) return searching.done ? trans.__('No matches') : trans.__('Searching…');
  const all = `${searching.count.toLocaleString()}${searching.done ? '' : '…'}`;
  return searching.ordinal
    ? trans.__('%1 of %2', searching.ordinal.toLocaleString(), all)
    : trans._n('%1 match', '%1 matches', searching.count, all);
}

function Toggle(props: {
  icon: LabIcon;
  label: string;
  on: boolean;
  onChange: (on: boolean) => void;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className="pollinator-Find-toggle"
      title={props.label}
      aria-label={props.label}
      aria-pressed={props.on}
      onClick={() => props.onChange(!props.on)}
    >
      <props.icon.react tag="span" />
    </button>
  );
}

function Push(props: { icon: LabIcon; label: string; onPush: () => void }): React.JSX.Element {
  return (
    <button
      type="button"
      className="pollinator-Find-button"
      title={props.label}
      aria-label={props.label}
      onClick={props.onPush}
    >
      <props.icon.react tag="span" />
    </button>
  );
}
