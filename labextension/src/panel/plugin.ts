/** Puts the colony, its executors and the jobs into the left sidebar. */

import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { Colony } from '../colony/colony';
import { IColony } from '../colony/plugin';
import type { IConnection, IJobFilter, State } from '../colony/types';
import { addCommands } from './commands';
import type { IShared } from './context';
import { JobList } from './joblist';
import { PollinatorPanel } from './panel';
import { STATES } from './states';

const ID = 'pollinator-magic:panel';
/** After the file browser, the running kernels and the table of contents. */
const RANK = 450;
const FIRST_FILTER: IJobFilter = { mine: true, state: '', text: '' };

export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'The colony, its executors and the jobs in the sidebar.',
  autoStart: true,
  requires: [IColony],
  optional: [IDocumentManager, ITranslator, ICommandPalette, ILayoutRestorer, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    colony: Colony,
    documents: IDocumentManager | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null
  ) => {
    const language = translator ?? nullTranslator;
    const trans = language.load('pollinator_magic');
    const shared: IShared = { colony, commands: app.commands, trans };
    const list = new JobList((...asked) => colony.api.jobs(...asked), FIRST_FILTER);
    keepUpToDate(list, colony);
    addCommands(app, shared, documents, palette);
    const panel = new PollinatorPanel(shared, list, language);
    app.shell.add(panel, 'left', { rank: RANK, type: 'Pollinator' });
    restorer?.add(panel, panel.id);
    if (settings) void takeFilter(list, settings);
  }
};

/** Tell the list what the colony tells. */
function keepUpToDate(list: JobList, colony: Colony): void {
  let known = name(colony.connection);
  colony.jobsChanged.connect((_, jobs) => list.update(jobs));
  colony.reset.connect(() => {
    const now = name(colony.connection);
    if (now === known) list.restart();
    else list.clear();
    known = now;
  });
}

/** Two connections of the same name have the same jobs. */
function name(connection: IConnection | null): string {
  if (connection === null) return '';
  const { where, server, colony, identity } = connection;
  return JSON.stringify([where, server, colony, identity]);
}

/** Begin with the filter that the settings name. */
async function takeFilter(list: JobList, registry: ISettingRegistry): Promise<void> {
  const { composite } = await registry.load(ID);
  list.setFilter({
    mine: composite['whose'] !== 'all',
    state: STATES.find((state): state is State => state === composite['state']) ?? '',
    text: ''
  });
}
