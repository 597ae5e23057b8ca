/** The executors of the colony, and the way to use one. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { runIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ApiError } from '../colony/api';
import type { IExecutor } from '../colony/types';
import { useSignal, type IShared } from './context';
import { age } from './durations';
import { matching } from './executorfilter';
import { Action } from './jobrow';
import { Notice } from './notice';
import { Rows } from './rows';
import { Search } from './search';
import { conditionName } from './states';

export interface IExecutorsProps extends IShared {
  awake: boolean;
  /** Told whenever the contents may be higher or lower than before. */
  onDrawn: () => void;
  onMenu: (executor: IExecutor, x: number, y: number) => void;
}

export function ExecutorsSection(props: IExecutorsProps): React.JSX.Element {
  const { colony, trans, onDrawn } = props;
  const [text, setText] = React.useState('');
  useSignal(colony.executorsChanged);
  useSignal(colony.connectionChanged);
  const error = useRequest(props);
  React.useLayoutEffect(onDrawn);
  const { executors } = colony;
  // How executors were a while ago is of no use to anybody.
  if (colony.trouble !== null) {
    return <Notice problem={trans.__('Executors are shown when the colony is reachable.')} />;
  }
  if (executors === null) {
    if (error === null) return <Notice problem={trans.__('Loading the executors…')} />;
    return <Notice kind="error" problem={error.message} remedy={error.remedy} />;
  }
  if (executors.length === 0) {
    return (
      <Notice
        problem={trans.__('The colony has no executors.')}
        remedy={trans.__(
          'Start one with `pollinate executor start process`, or ask whoever runs the colony.'
        )}
      />
    );
  }
  const found = matching(executors, text);
  return (
    <>
      <Search
        placeholder={trans.__('Filter executors')}
        label={trans.__('Filter by name, type, place or hardware')}
        text={text}
        onChange={setText}
        found={found.length}
        foundLabel={trans.__('Executors that are found')}
      />
      {found.length === 0 ? (
        <Notice problem={trans.__('No executor is like that.')} />
      ) : (
        <List {...props} found={found} />
      )}
    </>
  );
}

/** Ask for the executors when they are looked at for the first time; return why they cannot be had, or null. */
function useRequest({ colony, awake }: IExecutorsProps): ApiError | null {
  const [error, setError] = React.useState<ApiError | null>(null);
  const wanted = awake && colony.executors === null && colony.connection?.reachable === true;
  React.useEffect(() => {
    if (!wanted) return;
    setError(null);
    colony.refreshExecutors().catch((reason: unknown) => {
      setError(reason instanceof ApiError ? reason : new ApiError(0, String(reason)));
    });
  }, [colony, wanted]);
  return error;
}

function List(props: IExecutorsProps & { found: IExecutor[] }): React.JSX.Element {
  const { found, commands, trans, onMenu } = props;
  const use = (executor: IExecutor): void => {
    if (executor.usable) void commands.execute('pollinator:use-executor', { name: executor.name });
  };
  return (
    <Rows
      label={trans.__('Executors')}
      kind="executor"
      count={found.length}
      at={row => found[row]}
      rowOf={name => found.findIndex(executor => executor.name === name)}
      idOf={executor => executor.name}
      draw={executor => (
        <>
          <Told executor={executor} trans={trans} />
          <div role="gridcell" className="pollinator-Row-actions">
            <Action
              icon={runIcon}
              label={
                executor.usable
                  ? trans.__('Use in the active cell')
                  : trans.__('A job cannot name this executor')
              }
              disabled={!executor.usable}
              run={() => use(executor)}
            />
          </div>
        </>
      )}
      onOpen={use}
      onMenu={onMenu}
    />
  );
}

function Told({
  executor,
  trans
}: {
  executor: IExecutor;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { heard } = executor;
  return (
    <div
      role="gridcell"
      className="pollinator-Executor"
      title={[executor.name, executor.place].filter(Boolean).join('\n')}
    >
      <span
        className="pollinator-Dot"
        data-well={executor.alive}
        data-condition={executor.condition}
        aria-hidden="true"
      />
      <span className="pollinator-Row-name">{executor.name}</span>
      <span className="pollinator-Row-aside">{executor.type}</span>
      <span className="pollinator-Row-line pollinator-Row-wide">
        <span>{conditionName(executor.condition, trans)}</span>
        <span>{load(executor, trans)}</span>
      </span>
      <span className="pollinator-Row-line">
        <span>{executor.hardware || trans.__('hardware not told')}</span>
      </span>
      <span className="pollinator-Row-aside">{heard === null ? '' : lastHeard(heard, trans)}</span>
    </div>
  );
}

/** It is told once a minute how long ago it was, so that seconds would be wrong most of the time. */
function lastHeard(seconds: number, trans: TranslationBundle): string {
  return seconds < 60
    ? trans.__('heard within 1 min')
    : trans.__('heard %1', age(seconds * 1_000, trans));
}

function load(executor: IExecutor, trans: TranslationBundle): string {
  // "0+" is all that a server tells that does not list every job.
  const [running, waiting] = [executor.running, executor.waiting].map(text =>
    text.replace(/^0\+$/, '0')
  );
  if (waiting !== '0') return trans.__('%1 running, %2 waiting', running, waiting);
  return running === '0' ? trans.__('no jobs') : trans.__('%1 running', running);
}
