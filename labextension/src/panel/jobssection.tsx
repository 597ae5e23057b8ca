/** The jobs of the colony: filters, and the list. */

import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IJob, IJobFilter, State } from '../colony/types';
import { useSignal, type IShared } from './context';
import type { JobList } from './joblist';
import { JobCells } from './jobrow';
import { CopyButton, Notice } from './notice';
import { Rows } from './rows';
import { Search } from './search';
import { isOpen, STATES, stateName } from './states';

export interface IJobsProps extends IShared {
  awake: boolean;
  list: JobList;
  onMenu: (job: IJob, x: number, y: number) => void;
}

export function JobsSection(props: IJobsProps): React.JSX.Element {
  const { awake, list, colony, trans } = props;
  useSignal(list.changed);
  useSignal(colony.connectionChanged);
  const asks = awake && colony.connection !== null && colony.trouble === null;
  React.useEffect(() => list.setActive(asks), [list, asks]);
  if (list.total === null && colony.trouble !== null) {
    return <Notice problem={trans.__('Jobs are shown when the colony is reachable.')} />;
  }
  return (
    <>
      <Filters {...props} />
      {colony.trouble !== null && list.total !== null && (
        <Notice
          problem={trans.__('The colony is not reachable: this is how the jobs were last seen.')}
        />
      )}
      <Body {...props} />
    </>
  );
}

function Body(props: IJobsProps): React.JSX.Element {
  const { list, colony, commands, trans, onMenu } = props;
  const show = React.useCallback(
    (range: { first: number; end: number }) => list.show(range),
    [list]
  );
  if (list.total === null && list.error === null) {
    return <Notice problem={trans.__('Loading the jobs…')} />;
  }
  if (list.error !== null && colony.trouble === null) {
    return (
      <Notice kind="error" problem={list.error.message} remedy={list.error.remedy}>
        <button
          type="button"
          className="jp-mod-styled jp-mod-reject"
          onClick={() => list.restart()}
        >
          {trans.__('Retry')}
        </button>
      </Notice>
    );
  }
  if (list.total === 0 && !list.loading) return <Nothing {...props} />;
  const { mine, state, text } = list.filter;
  const run = (command: string, job: IJob): void => void commands.execute(command, { id: job.id });
  return (
    <Rows
      key={JSON.stringify([mine, state, text])}
      label={trans.__('Jobs')}
      kind="job"
      count={list.rows}
      at={row => list.at(row)}
      rowOf={id => list.rowOf(id)}
      idOf={job => job.id}
      draw={job => <JobCells job={job} {...pick(props)} onMenu={onMenu} />}
      onOpen={job => run('pollinator:open-job', job)}
      onMenu={onMenu}
      onDelete={job => isOpen(job.state) && run('pollinator:cancel-job', job)}
      onShow={show}
    />
  );
}

/** The search field and the two choices above the list. */
function Filters({ list, trans }: IJobsProps): React.JSX.Element {
  const { mine, state, text } = list.filter;
  const set = (change: Partial<IJobFilter>): void => list.setFilter({ ...list.filter, ...change });
  return (
    <Search
      placeholder={trans.__('Filter jobs')}
      label={trans.__('Filter by executor, notebook, project, user, step, parameters or ID')}
      text={text}
      onChange={text => set({ text })}
      found={list.total}
      foundLabel={trans.__('Jobs that are found')}
    >
      <div className="pollinator-Choices">
        <HTMLSelect
          aria-label={trans.__('Whose jobs')}
          value={mine ? 'mine' : 'all'}
          onChange={event => set({ mine: event.target.value === 'mine' })}
        >
          <option value="mine">{trans.__('My jobs')}</option>
          <option value="all">{trans.__('All jobs')}</option>
        </HTMLSelect>
        <HTMLSelect
          aria-label={trans.__('State')}
          value={state}
          onChange={event => set({ state: event.target.value as State | '' })}
        >
          <option value="">{trans.__('Any state')}</option>
          {STATES.map(name => (
            <option key={name} value={name}>
              {stateName(name, trans)}
            </option>
          ))}
        </HTMLSelect>
      </div>
    </Search>
  );
}

const LOAD = '%load_ext pollinator_magic';
const CELL = '%%pollinate local\nprint("hello")';

/** What to do when there are no jobs. */
function Nothing({ list, trans }: IJobsProps): React.JSX.Element {
  const { state, text, mine } = list.filter;
  const clear = (
    <button
      type="button"
      className="pollinator-TextButton"
      onClick={() => list.setFilter({ mine: false, state: '', text: '' })}
    >
      {trans.__('Show all jobs')}
    </button>
  );
  if (state || text) {
    return <Notice problem={trans.__('No job is like that.')}>{clear}</Notice>;
  }
  return (
    <Notice
      problem={
        mine ? trans.__('You have no jobs in this colony yet.') : trans.__('There are no jobs yet.')
      }
      remedy={trans.__('Load the extension once with `%1`, and run a cell like this:', LOAD)}
    >
      <div className="pollinator-Example">
        <pre>{CELL}</pre>
        <CopyButton text={CELL} label={trans.__('Copy the cell')} trans={trans} />
      </div>
      {mine && clear}
    </Notice>
  );
}

function pick({ colony, commands, trans }: IShared): IShared {
  return { colony, commands, trans };
}
