/** A text field for an executor, with those of the colony below it: arrow keys choose, typing filters. */

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Colony } from '../colony/colony';
import { useSignal } from '../panel/context';
import { suggestions, type ISuggestion } from './suggestions';

const LIST = 'pollinator-executor-list';

export interface IExecutorBoxProps {
  colony: Colony;
  trans: TranslationBundle;
  value: string;
  onChange: (name: string) => void;
}

export function ExecutorBox(props: IExecutorBoxProps): React.JSX.Element {
  const { colony, trans, value, onChange } = props;
  useSignal(colony.executorsChanged);
  useExecutors(colony);
  /** What has been typed since something was chosen from the list. */
  const [typed, setTyped] = React.useState('');
  const found = suggestions(colony.executors ?? [], typed, trans);
  const at = found.findIndex(one => one.name === value);
  const choose = (name: string): void => {
    setTyped('');
    onChange(name);
  };
  const move = (event: React.KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = step && found[at < 0 && step < 0 ? found.length - 1 : at + step];
    if (!next) return;
    event.preventDefault();
    // The list stays as it was filtered, so that the keys can go on in it.
    onChange(next.name);
  };
  return (
    <div className="pollinator-Picker-executor">
      <label htmlFor="pollinator-executor">{trans.__('Executor')}</label>
      <input
        id="pollinator-executor"
        className="jp-mod-styled"
        type="text"
        role="combobox"
        spellCheck={false}
        autoComplete="off"
        aria-autocomplete="list"
        aria-expanded="true"
        aria-controls={LIST}
        aria-activedescendant={at < 0 ? undefined : `${LIST}-${at}`}
        placeholder={trans.__('The one that the project names')}
        value={value}
        onChange={event => {
          setTyped(event.target.value);
          onChange(event.target.value);
        }}
        onKeyDown={move}
      />
      <ul id={LIST} role="listbox" aria-label={trans.__('Executors')}>
        {found.map((one, index) => (
          <Option
            key={one.name}
            id={`${LIST}-${index}`}
            told={one}
            selected={index === at}
            onClick={() => choose(one.name)}
          />
        ))}
      </ul>
    </div>
  );
}

/** Have the executors asked for. That it failed is told where the connection is. */
function useExecutors(colony: Colony): void {
  const wanted = colony.executors === null && colony.connection?.reachable === true;
  React.useEffect(() => {
    if (wanted) colony.refreshExecutors().catch(() => undefined);
  }, [colony, wanted]);
}

interface IOptionProps {
  id: string;
  told: ISuggestion;
  selected: boolean;
  onClick: () => void;
}

function Option({ id, told, selected, onClick }: IOptionProps): React.JSX.Element {
  const node = React.useRef<HTMLLIElement>(null);
  React.useEffect(() => {
    if (selected) node.current?.scrollIntoView({ block: 'nearest' });
  }, [selected]);
  return (
    <li
      id={id}
      ref={node}
      role="option"
      aria-selected={selected}
      data-alive={told.alive}
      onClick={onClick}
    >
      <span className="pollinator-Picker-name">{told.name}</span>
      <span className="pollinator-Picker-condition">{told.condition}</span>
      <span className="pollinator-Picker-hardware">
        {[told.hardware, told.work].filter(Boolean).join(' · ')}
      </span>
    </li>
  );
}
