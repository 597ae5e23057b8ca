/** How many jobs run and wait, in the status bar; a click opens the sidebar. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import * as React from 'react';

import { IColony } from '../colony/plugin';
import type { Colony } from '../colony/colony';
import { type IShared, useSignal } from '../panel/context';
import { OPEN_PANEL } from '../panel/commands';
import { pollinatorIcon } from '../panel/icons';

const ID = 'pollinator-magic:status';

export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'How many jobs run and wait, in the status bar.',
  autoStart: true,
  requires: [IColony],
  // Notebook 7 has no status bar.
  optional: [IStatusBar, ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    colony: Colony,
    bar: IStatusBar | null,
    translator: ITranslator | null,
    settings: ISettingRegistry | null
  ) => {
    if (bar === null) return;
    const trans = (translator ?? nullTranslator).load('pollinator_magic');
    const shown = new Shown(colony);
    bar.registerStatusItem(ID, {
      item: ReactWidget.create(<Counts colony={colony} commands={app.commands} trans={trans} />),
      align: 'left',
      rank: 5,
      isActive: () => shown.is,
      activeStateChanged: shown.changed
    });
    if (settings) void shown.follow(settings);
  }
};

/** Whether there is anything to tell. */
class Shown {
  constructor(private readonly colony: Colony) {
    colony.connectionChanged.connect(() => this.changed.emit());
    colony.countsChanged.connect(() => this.changed.emit());
  }

  readonly changed = new Signal<this, void>(this);

  /** A colony that nobody has used yet is not missed. */
  get is(): boolean {
    const { connection, counts, trouble } = this.colony;
    if (connection === null || trouble?.missing) return false;
    if (trouble !== null) return connection.where === 'remote';
    return this.when === 'always' || counts.running + counts.waiting > 0;
  }

  async follow(registry: ISettingRegistry): Promise<void> {
    const settings = await registry.load(ID);
    const take = (): void => {
      this.when = settings.composite['show'] === 'jobs' ? 'jobs' : 'always';
      this.changed.emit();
    };
    settings.changed.connect(take);
    take();
  }

  private when: 'always' | 'jobs' = 'always';
}

function Counts({ colony, commands, trans }: IShared): React.JSX.Element {
  useSignal(colony.countsChanged);
  useSignal(colony.connectionChanged);
  const { counts, connection, trouble } = colony;
  const jobs =
    counts.waiting > 0
      ? trans.__('%1 running, %2 waiting', counts.running, counts.waiting)
      : trans.__('%1 running', counts.running);
  const text = trouble === null ? jobs : trans.__('Not reachable');
  const title =
    trouble === null
      ? trans.__('Pollinator: %1 in colony %2. Click to show the jobs.', jobs, connection?.colony)
      : trans.__('Pollinator: %1', trouble.problem);
  return (
    <button
      type="button"
      className="jp-StatusBar-GroupItem pollinator-Status"
      title={title}
      aria-label={title}
      onClick={() => void commands.execute(OPEN_PANEL)}
    >
      <pollinatorIcon.react tag="span" elementPosition="center" />
      <span className="jp-StatusBar-TextItem">{text}</span>
    </button>
  );
}
