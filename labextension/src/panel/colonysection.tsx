/** Which colony this is, whether it answers, and if not, what to do. */

import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ApiError } from '../colony/api';
import type { IConnection, Where } from '../colony/types';
import { useSignal, type IShared } from './context';
import { CopyButton, Notice } from './notice';

export interface IColonyProps extends IShared {
  /** Told how high the contents are. */
  onHeight: (pixels: number) => void;
}

export function ColonySection({ onHeight, ...shared }: IColonyProps): React.JSX.Element {
  const { colony, trans } = shared;
  useSignal(colony.connectionChanged);
  const contents = React.useRef<HTMLDivElement>(null);
  React.useLayoutEffect(() => {
    const node = contents.current;
    const observer = new ResizeObserver(() => node && onHeight(node.offsetHeight));
    if (node) observer.observe(node);
    return () => observer.disconnect();
  }, [onHeight]);
  const { connection, trouble } = colony;
  return (
    <div ref={contents} className="pollinator-Colony">
      {connection === null && trouble === null && (
        <Notice problem={trans.__('Looking for the colony…')} />
      )}
      {connection !== null && !trouble?.missing && <Facts {...shared} connection={connection} />}
      {trouble !== null && (
        <Notice kind="error" problem={trouble.problem} remedy={trouble.remedy}>
          <Remedies {...shared} />
        </Notice>
      )}
    </div>
  );
}

function Facts(props: IShared & { connection: IConnection }): React.JSX.Element {
  const { connection, colony, trans } = props;
  const well = connection.reachable && colony.trouble === null;
  return (
    <>
      <Choice {...props} />
      <dl className="pollinator-Facts">
        <dt>{trans.__('State')}</dt>
        <dd>
          <span className="pollinator-Dot" data-well={well} aria-hidden="true" />
          {well ? trans.__('Connected') : trans.__('Not reachable')}
        </dd>
        <Fact name={trans.__('Colony')} value={connection.colony} />
        <Fact name={trans.__('Server')} value={connection.server} />
        <Fact name={trans.__('User')} value={connection.user} />
        {connection.identity && (
          <>
            <dt>{trans.__('Identity')}</dt>
            <dd title={connection.identity}>
              <span className="pollinator-Identity">{short(connection.identity)}</span>
              <CopyButton
                text={connection.identity}
                label={trans.__('Copy the identity')}
                trans={trans}
              />
            </dd>
          </>
        )}
      </dl>
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }): React.JSX.Element | null {
  if (!value) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd title={value}>{value}</dd>
    </>
  );
}

/** Choose between the embedded and the configured colony. */
function Choice(props: IShared & { connection: IConnection }): React.JSX.Element {
  const { connection, commands, trans } = props;
  const [error, setError] = React.useState<ApiError | null>(null);
  const [wanted, setWanted] = React.useState<Where | null>(null);
  const choose = async (where: Where): Promise<void> => {
    setWanted(where);
    setError(null);
    try {
      await commands.execute('pollinator:switch-colony', { where, quiet: true });
    } catch (reason) {
      setError(reason instanceof ApiError ? reason : new ApiError(0, String(reason)));
    } finally {
      setWanted(null);
    }
  };
  const problems = connection.choices.filter(choice => choice.problem);
  return (
    <>
      <div className="pollinator-Choice">
        <HTMLSelect
          aria-label={trans.__('Colony to show')}
          value={wanted ?? connection.where}
          disabled={wanted !== null}
          title={problems.map(({ title, problem }) => `${title}: ${problem}`).join('\n')}
          onChange={event => void choose(event.target.value as Where)}
        >
          {connection.choices.map(({ where, title, problem }) => (
            <option
              key={where}
              value={where}
              disabled={problem !== '' && where !== connection.where}
            >
              {where === 'local' ? trans.__('Embedded colony') : title}
            </option>
          ))}
        </HTMLSelect>
      </div>
      {error !== null && <Notice kind="error" problem={error.message} remedy={error.remedy} />}
    </>
  );
}

/** The buttons that may help. */
function Remedies({ colony, commands, trans }: IShared): React.JSX.Element {
  const [busy, setBusy] = React.useState(false);
  const [error, setError] = React.useState('');
  const run = async (action: () => Promise<unknown>): Promise<void> => {
    setBusy(true);
    setError('');
    try {
      await action();
    } catch (reason) {
      setError(reason instanceof Error ? reason.message : String(reason));
    } finally {
      setBusy(false);
    }
  };
  const asleep = colony.connection?.where === 'local' && !colony.trouble?.missing;
  return (
    <>
      <div className="pollinator-Remedies">
        {asleep && (
          <button
            type="button"
            className="jp-mod-styled jp-mod-accept"
            disabled={busy}
            onClick={() => void run(() => colony.choose('local', true))}
          >
            {busy ? trans.__('Starting…') : trans.__('Start')}
          </button>
        )}
        <button
          type="button"
          className="jp-mod-styled jp-mod-reject"
          disabled={busy}
          onClick={() => void run(() => commands.execute('pollinator:retry'))}
        >
          {trans.__('Retry')}
        </button>
      </div>
      {error && <p role="alert">{error}</p>}
    </>
  );
}

function short(identity: string): string {
  return identity.length > 16 ? `${identity.slice(0, 8)}…${identity.slice(-4)}` : identity;
}
