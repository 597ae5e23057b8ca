/** A search field, and beside it how much is found. */

import { InputGroup } from '@jupyterlab/ui-components';
import * as React from 'react';

interface ISearchProps {
  placeholder: string;
  /** What is searched, for whoever cannot see where the field is. */
  label: string;
  text: string;
  onChange: (text: string) => void;
  /** How many are found, if that is known. */
  found: number | null;
  foundLabel: string;
  children?: React.ReactNode;
}

export function Search(props: ISearchProps): React.JSX.Element {
  return (
    <div className="pollinator-Filters" role="search">
      <InputGroup
        type="search"
        rightIcon="ui-components:search"
        placeholder={props.placeholder}
        title={props.label}
        aria-label={props.label}
        value={props.text}
        onChange={event => props.onChange(event.target.value)}
      />
      <span className="pollinator-Count" role="status" title={props.foundLabel}>
        {props.found?.toLocaleString()}
      </span>
      {props.children}
    </div>
  );
}
