/** What the extension does in notebooks: a command on cells, marks, records, cancelling, highlighting. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { told } from '../colony/api';
import type { Colony } from '../colony/colony';
import { IColony } from '../colony/plugin';
import { cancelByServer } from './cancelling';
import { Cards } from './cards';
import { addCommands } from './commands';
import { Highlighting } from './highlighting';
import { Jobs } from './jobs';
import { Marks } from './marks';
import { Records } from './records';
import { Switch, type IPart } from './switch';

const ID = 'pollinator-magic:cells';

/** Notebook 7 has pages without notebooks: there is nothing to do in those. */
const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'A button that turns a cell into a job and back, and commands on cells.',
  autoStart: true,
  requires: [IColony],
  optional: [INotebookTracker, ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    colony: Colony,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load('pollinator_magic');
    if (notebooks) addCommands(app, notebooks, colony, trans, palette);
  }
};

const cardsPlugin: JupyterFrontEndPlugin<void> = {
  id: `${ID}-cards`,
  description:
    'Marks cells whose jobs are open, sets their records right, and cancels by the server.',
  autoStart: true,
  requires: [IColony],
  optional: [INotebookTracker, ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    colony: Colony,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null,
    settings: ISettingRegistry | null
  ) => {
    if (!notebooks) return;
    const trans = (translator ?? nullTranslator).load('pollinator_magic');
    const jobs = new Jobs(colony);
    const loaded = settings?.load(ID) ?? null;
    const marks = new Switch(loaded, 'marks');
    const records = new Switch(loaded, 'records');
    const open = (id: string): void => void app.commands.execute('pollinator:open-job', { id });
    forEachNotebook(notebooks, panel => {
      const cards = new Cards(panel.context.model);
      return [
        cards,
        marks.when(() => new Marks({ panel, cards, jobs, trans, open })),
        records.when(
          () =>
            new Records({
              panel,
              cards,
              jobs,
              api: colony.api,
              contents: app.serviceManager.contents
            })
        )
      ];
    });
    cancelByServer({
      colony,
      notebooks,
      cancelling: trans.__('Cancelling…'),
      failed: error => {
        Notification.error(trans.__('The job could not be cancelled. %1', told(error)));
      }
    });
  }
};

const highlightingPlugin: JupyterFrontEndPlugin<void> = {
  id: `${ID}-highlighting`,
  description: 'Highlights the body of a cell in the language that its %%pollinate line names.',
  autoStart: true,
  requires: [IEditorServices],
  optional: [INotebookTracker, ISettingRegistry],
  activate: (
    _: JupyterFrontEnd,
    editors: IEditorServices,
    notebooks: INotebookTracker | null,
    settings: ISettingRegistry | null
  ) => {
    const on = new Switch(settings?.load(ID) ?? null, 'highlighting');
    if (notebooks) {
      forEachNotebook(notebooks, panel => [
        on.when(() => new Highlighting(panel, editors.mimeTypeService))
      ]);
    }
  }
};

/** Have these parts for each notebook, from when it is there until it is closed. */
function forEachNotebook(
  notebooks: INotebookTracker,
  make: (panel: NotebookPanel) => IPart[]
): void {
  const begin = async (panel: NotebookPanel): Promise<void> => {
    await panel.context.ready;
    if (panel.isDisposed) return; // it was closed meanwhile
    const parts = make(panel);
    panel.disposed.connect(() => parts.forEach(part => part.dispose()));
  };
  notebooks.forEach(panel => void begin(panel));
  notebooks.widgetAdded.connect((_, panel) => void begin(panel));
}

export const cellsPlugins = [commandsPlugin, cardsPlugin, highlightingPlugin];
