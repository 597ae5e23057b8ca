/** One job of the list, in two lines. */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  ellipsesIcon,
  folderIcon,
  stopIcon,
  textEditorIcon,
  type LabIcon
} from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Colony } from '../colony/colony';
import type { IJob } from '../colony/types';
import { short } from '../results/paths';
import { useTicking, type IShared } from './context';
import { age, MINUTE, pace, span, spent } from './durations';
import { StateSign } from './icons';
import { isOpen, stateName } from './states';
import { neverRan, which } from './which';

interface IJobProps extends IShared {
  job: IJob;
  onMenu: (job: IJob, x: number, y: number) => void;
}

/** The cells of a job's row. Drawn again only when the job is another one than before. */
export const JobCells = React.memo(function JobCells(props: IJobProps): React.JSX.Element {
  const { job, colony, trans, commands } = props;
  const { notebook: path, cell } = job;
  const told = which(job, trans);
  const open = (): void => void commands.execute('pollinator:open-notebook', { path, cell });
  return (
    <>
      <div role="gridcell" className="pollinator-Job" title={story(job, trans)}>
        <StateSign state={job.state} />
        <span className="pollinator-Row-name">
          {job.executor}
          {told && <span className="pollinator-Row-more">{told}</span>}
        </span>
        <Spent job={job} colony={colony} trans={trans} />
        <span className="pollinator-Row-line">
          <span data-state={job.state}>{stateName(job.state, trans)}</span>
          {!job.mine && job.by && <span>{job.by}</span>}
          {job.notebook ? (
            <button
              type="button"
              tabIndex={-1}
              className="pollinator-Link"
              title={trans.__('Open %1', job.notebook)}
              onClick={open}
            >
              {job.notebook.split('/').pop()}
            </button>
          ) : (
            job.project && <span>{job.project}</span>
          )}
        </span>
        <Age job={job} colony={colony} trans={trans} />
      </div>
      <Actions {...props} />
    </>
  );
});

interface ITimeProps {
  job: IJob;
  colony: Colony;
  trans: TranslationBundle;
}

/** For how long it waits, runs or ran; the text of an open job changes every second, then every minute. */
function Spent({ job, colony, trans }: ITimeProps): React.JSX.Element {
  const ms = spent(job, colony.now);
  const ticks = isOpen(job.state) && ms !== null ? pace(ms) : 0;
  const told = (now: number): string => {
    const time = spent(job, now);
    if (time !== null) return span(time, trans);
    return neverRan(job) ? trans.__('never ran') : '';
  };
  return <span className="pollinator-Row-aside">{useTicking(colony, told, ticks)}</span>;
}

/** How long ago it was submitted. */
function Age({ job, colony, trans }: ITimeProps): React.JSX.Element {
  const { submitted } = job;
  const told = (now: number): string => (submitted === null ? '' : age(now - submitted, trans));
  return <span className="pollinator-Row-aside">{useTicking(colony, told, MINUTE)}</span>;
}

/** Buttons that are there when the row is pointed at or has the focus. */
function Actions({ job, commands, trans, onMenu }: IJobProps): React.JSX.Element {
  const run = (command: string) => (): void => void commands.execute(command, { id: job.id });
  return (
    <div role="gridcell" className="pollinator-Row-actions">
      <Action icon={textEditorIcon} label={trans.__('Open log')} run={run('pollinator:open-job')} />
      <Action
        icon={folderIcon}
        label={trans.__('Open results')}
        run={run('pollinator:show-results')}
      />
      {isOpen(job.state) && (
        <Action icon={stopIcon} label={trans.__('Cancel')} run={run('pollinator:cancel-job')} />
      )}
      <Action
        icon={ellipsesIcon}
        label={trans.__('More actions')}
        run={box => onMenu(job, box.left, box.bottom)}
      />
    </div>
  );
}

export function Action(props: {
  icon: LabIcon;
  label: string;
  disabled?: boolean;
  run: (box: DOMRect) => void;
}): React.JSX.Element {
  return (
    <button
      type="button"
      tabIndex={-1}
      className="pollinator-IconButton"
      title={props.label}
      aria-label={props.label}
      disabled={props.disabled}
      onClick={event => props.run(event.currentTarget.getBoundingClientRect())}
      onDoubleClick={event => event.stopPropagation()}
    >
      <props.icon.react tag="span" />
    </button>
  );
}

/** Everything about a job, for whoever rests the pointer on it. */
function story(job: IJob, trans: TranslationBundle): string {
  const time = (label: string, ms: number | null): string =>
    ms === null ? '' : `${label}: ${new Date(ms).toLocaleString()}`;
  const told = (label: string, value: string): string => (value ? `${label}: ${value}` : '');
  return [
    told(trans.__('Job'), job.id),
    told(trans.__('Executor'), job.executor),
    told(trans.__('Step'), job.step),
    told(trans.__('Workflow'), short(job.graph)),
    told(trans.__('Parameters'), job.parameters),
    told(trans.__('Project'), job.project),
    told(trans.__('Notebook'), job.notebook),
    told(trans.__('Submitted by'), job.by),
    time(trans.__('Submitted'), job.submitted),
    time(trans.__('Started'), job.started),
    time(trans.__('Ended'), job.ended),
    job.retries ? told(trans.__('Tries before'), String(job.retries)) : ''
  ]
    .filter(Boolean)
    .join('\n');
}
