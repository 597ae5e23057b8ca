/** The listing of a job's results: what there is, and what can be done with it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { downloadIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Api } from '../colony/api';
import type { IResultFile } from '../colony/types';
import { Notice, Sentence } from '../panel/notice';
import { stateName } from '../panel/states';
import { which } from '../panel/which';
import { basename, directory, short } from './paths';
import type { ResultList } from './resultlist';
import { sizeOf } from './sizes';
import { type IKind, Thumbnail } from './thumbnail';

/** What the listing asks of others. */
export interface IActions {
  open: (name: string) => void;
  download: (name: string) => void;
  kindOf: (name: string) => IKind;
}

interface IProps {
  api: Api;
  list: ResultList;
  actions: IActions;
  trans: TranslationBundle;
}

/** So many rows are there at once; more on demand. */
const ROWS = 200;
/** From so many on, one looks for names. */
const FILTERED = 20;

export function Listing({ api, list, actions, trans }: IProps): React.JSX.Element {
  const [text, setText] = React.useState('');
  const [rows, setRows] = React.useState(ROWS);
  const files = list.files ?? [];
  const found = matching(files, text);
  return (
    <div className="pollinator-Results-body" aria-busy={list.loading}>
      <Header list={list} trans={trans} />
      <Status list={list} trans={trans} />
      {files.length >= FILTERED && (
        <input
          className="pollinator-Results-filter jp-mod-styled"
          type="search"
          value={text}
          placeholder={trans.__('Filter by name')}
          aria-label={trans.__('Filter results by name')}
          onChange={event => setText(event.target.value)}
        />
      )}
      {files.length > 0 && found.length === 0 && (
        <p className="pollinator-Results-notice">{trans.__('No result has such a name.')}</p>
      )}
      {found.length > 0 && (
        <Table
          api={api}
          id={list.id}
          files={found.slice(0, rows)}
          actions={actions}
          trans={trans}
        />
      )}
      {found.length > rows && (
        <button className="jp-mod-styled jp-mod-reject" onClick={() => setRows(rows + ROWS)}>
          {trans.__('Show more (%1 of %2)', rows, found.length)}
        </button>
      )}
    </div>
  );
}

function matching(files: readonly IResultFile[], text: string): readonly IResultFile[] {
  const sought = text.trim().toLowerCase();
  return sought ? files.filter(file => file.name.toLowerCase().includes(sought)) : files;
}

interface IAboutProps {
  list: ResultList;
  trans: TranslationBundle;
}

function Header({ list, trans }: IAboutProps): React.JSX.Element {
  const { job } = list;
  const about = job && [
    basename(job.notebook),
    job.executor,
    stateName(job.state, trans),
    which(job, trans)
  ];
  return (
    <header className="pollinator-Results-header">
      <h2 title={list.id}>{trans.__('Results of job %1', short(list.id))}</h2>
      <p>{about?.filter(Boolean).join(' · ')}</p>
    </header>
  );
}

/** Says what the rows do not: that there are none yet, or none at all, or that they could not be read. */
function Status({ list, trans }: IAboutProps): React.JSX.Element {
  const { error, files, notes, complete, job } = list;
  if (error) {
    return (
      <Notice problem={error.message} remedy={error.remedy} kind="error">
        <button className="jp-mod-styled jp-mod-reject" onClick={list.refresh}>
          {trans.__('Retry')}
        </button>
      </Notice>
    );
  }
  return (
    <div className="pollinator-Results-notice" role="status">
      {files === null ? (
        <p>{trans.__('Loading results…')}</p>
      ) : !complete ? (
        <p>
          {job?.state === 'waiting'
            ? trans.__('The job waits. Results appear here when it has ended.')
            : trans.__('The job is still running. Results appear here when it has ended.')}
        </p>
      ) : (
        files.length === 0 &&
        notes.length === 0 && (
          <>
            <p>{trans.__('The job left no results.')}</p>
            <p>
              <Sentence
                text={trans.__('What a job writes into its directory `result` comes back.')}
              />
            </p>
          </>
        )
      )}
      {notes.map(note => (
        <p key={note}>
          <Sentence text={note} />
        </p>
      ))}
    </div>
  );
}

interface ITableProps {
  api: Api;
  id: string;
  files: readonly IResultFile[];
  actions: IActions;
  trans: TranslationBundle;
}

function Table({ api, id, files, actions, trans }: ITableProps): React.JSX.Element {
  const [current, setCurrent] = React.useState(0);
  const focused = Math.min(current, files.length - 1);
  return (
    <table className="pollinator-Results-table" onKeyDown={move}>
      <thead>
        <tr>
          <th scope="col">{trans.__('Name')}</th>
          <th scope="col">{trans.__('Size')}</th>
          <th scope="col">
            <span className="pollinator-Results-unseen">{trans.__('Actions')}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {files.map((file, at) => (
          <tr key={file.name} onFocus={() => setCurrent(at)}>
            <th scope="row">
              <button
                className="pollinator-Results-name"
                tabIndex={at === focused ? 0 : -1}
                title={file.name}
                onClick={() => actions.open(file.name)}
              >
                <Thumbnail api={api} id={id} file={file} kind={actions.kindOf(file.name)} />
                <span className="pollinator-Results-text">
                  <span className="pollinator-Results-directory">{directory(file.name)}</span>
                  {basename(file.name)}
                </span>
              </button>
            </th>
            <td>{sizeOf(file.size)}</td>
            <td>
              <button
                className="jp-mod-minimal pollinator-Results-action"
                tabIndex={at === focused ? 0 : -1}
                title={trans.__('Download')}
                aria-label={trans.__('Download %1', file.name)}
                onClick={() => actions.download(file.name)}
              >
                <downloadIcon.react tag="span" stylesheet="toolbarButton" />
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Arrows, Home and End lead from row to row; Tab leaves the list. */
function move(event: React.KeyboardEvent<HTMLTableElement>): void {
  const names = [...event.currentTarget.querySelectorAll<HTMLElement>('.pollinator-Results-name')];
  const row = (event.target as HTMLElement).closest('tr');
  const at = names.findIndex(name => row?.contains(name));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: names.length - 1 }[event.key];
  const target = to === undefined ? undefined : names[to];
  if (target === undefined) return;
  event.preventDefault();
  target.focus();
}
