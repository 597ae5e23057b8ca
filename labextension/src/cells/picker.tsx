/** The body of the dialog: where a cell shall run, what it gets there, and the line that says so. */

import type { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Colony } from '../colony/colony';
import { useSignal } from '../panel/context';
import { Sentence } from '../panel/notice';
import { ExecutorBox } from './executorbox';
import { RESOURCES, writeLine, type Choice, type Resource } from './line';

export interface IPickerOptions {
  colony: Colony;
  trans: TranslationBundle;
  /** The line that the cell has, or null. */
  line: string | null;
  /** What is chosen at first. */
  choice: Choice;
}

export class Picker extends ReactWidget implements Dialog.IBodyWidget<Choice> {
  constructor(private readonly options: IPickerOptions) {
    super();
    this.addClass('pollinator-Picker');
    this.choice = options.choice;
  }

  getValue(): Choice {
    return this.choice;
  }

  protected override render(): React.JSX.Element {
    return <Form {...this.options} onChange={choice => (this.choice = choice)} />;
  }

  private choice: Choice;
}

function Form(
  props: IPickerOptions & { onChange: (choice: Choice) => unknown }
): React.JSX.Element {
  const { colony, trans, line, onChange } = props;
  const [choice, setChoice] = React.useState(props.choice);
  const change = (name: keyof Choice, value: string): void => {
    const next = { ...choice, [name]: value };
    setChoice(next);
    onChange(next);
  };
  return (
    <>
      <ExecutorBox
        colony={colony}
        trans={trans}
        value={choice.executor}
        onChange={name => change('executor', name)}
      />
      <Trouble colony={colony} />
      <fieldset className="pollinator-Picker-resources">
        <legend>{trans.__('Resources')}</legend>
        {RESOURCES.map(resource => (
          <Field
            key={resource}
            {...about(resource, trans)}
            value={choice[resource]}
            onChange={value => change(resource, value)}
          />
        ))}
      </fieldset>
      <div className="pollinator-Picker-preview">
        <span id="pollinator-preview-label">{trans.__('First line of the cell')}</span>
        <output aria-labelledby="pollinator-preview-label" className="pollinator-Picker-line">
          {writeLine(line, choice)}
        </output>
      </div>
    </>
  );
}

/** Why no executors are listed, if the colony cannot be asked. */
function Trouble({ colony }: { colony: Colony }): React.JSX.Element | null {
  useSignal(colony.connectionChanged);
  const { trouble } = colony;
  return (
    trouble && (
      <p className="pollinator-Picker-trouble" role="status">
        <Sentence text={[trouble.problem, trouble.remedy].filter(Boolean).join(' ')} />
      </p>
    )
  );
}

interface IField {
  label: string;
  /** Of what, and in which units. */
  meaning: string;
  example: string;
}

function Field(
  props: IField & { value: string; onChange: (value: string) => void }
): React.JSX.Element {
  return (
    <label title={props.meaning}>
      <span>{props.label}</span>
      <input
        className="jp-mod-styled"
        type="text"
        spellCheck={false}
        aria-description={props.meaning}
        placeholder={props.example}
        value={props.value}
        onChange={event => props.onChange(event.target.value)}
      />
    </label>
  );
}

function about(resource: Resource, trans: TranslationBundle): IField {
  switch (resource) {
    case 'nodes':
      return { label: trans.__('Nodes'), meaning: trans.__('Number of nodes'), example: '1' };
    case 'cpu':
      return {
        label: trans.__('CPU'),
        meaning: trans.__('CPU of each process; 1000m is one core'),
        example: '1000m'
      };
    case 'mem':
      return {
        label: trans.__('Memory'),
        meaning: trans.__('Memory of each node, in Mi or Gi'),
        example: '4Gi'
      };
    case 'gpu':
      return {
        label: trans.__('GPUs'),
        meaning: trans.__('GPUs of each node: a number, or a name and a number'),
        example: 'A100:1'
      };
    case 'walltime':
      return {
        label: trans.__('Walltime'),
        meaning: trans.__('Longest run: seconds, or 10m, 2h, 1h30m'),
        example: '10m'
      };
  }
}
