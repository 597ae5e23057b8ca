/** The commands of the sidebar. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, showErrorMessage, type ICommandPalette } from '@jupyterlab/apputils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { told } from '../colony/api';
import type { Where } from '../colony/types';
import type { IShared } from './context';
import { Notebooks } from './notebooks';
import { PANEL_ID } from './panel';

export const OPEN_PANEL = 'pollinator:open-panel';
export const COPY_JOB_ID = 'pollinator:copy-job-id';
export const COPY_EXECUTOR = 'pollinator:copy-executor';
const OPEN_NOTEBOOK = 'pollinator:open-notebook';
export const RETRY = 'pollinator:retry';
export const SWITCH_COLONY = 'pollinator:switch-colony';

type Args = ReadonlyPartialJSONObject;

export function addCommands(
  app: JupyterFrontEnd,
  { colony, trans }: IShared,
  documents: IDocumentManager | null,
  palette: ICommandPalette | null
): void {
  const { commands, shell } = app;
  const text = (args: Args, name: string): string => {
    const value = args[name];
    return typeof value === 'string' ? value : '';
  };

  commands.addCommand(OPEN_PANEL, {
    label: trans.__('Show Pollinator'),
    caption: trans.__('Show the colony, its executors and the jobs in the sidebar'),
    execute: () => shell.activateById(PANEL_ID),
    describedBy: { args: object({}) }
  });

  commands.addCommand(COPY_JOB_ID, {
    label: trans.__('Copy Job ID'),
    caption: trans.__('Copy the ID by which every command knows the job'),
    isVisible: args => text(args, 'id') !== '',
    execute: args => Clipboard.copyToSystem(text(args, 'id')),
    describedBy: { args: object({ id: trans.__('The id of the job') }) }
  });

  commands.addCommand(COPY_EXECUTOR, {
    label: trans.__('Copy Executor Name'),
    caption: trans.__('Copy the name of the executor, as %%%%pollinate takes it'),
    isVisible: args => text(args, 'name') !== '',
    execute: args => Clipboard.copyToSystem(text(args, 'name')),
    describedBy: { args: object({ name: trans.__('The name of the executor') }) }
  });

  if (documents !== null) {
    const notebooks = new Notebooks(app, documents);
    commands.addCommand(OPEN_NOTEBOOK, {
      label: trans.__('Open Notebook at the Cell'),
      caption: trans.__('Show the cell that has submitted the job'),
      isVisible: args => text(args, 'path') !== '',
      execute: args => notebooks.open(text(args, 'path'), text(args, 'cell')),
      describedBy: {
        args: object({
          path: trans.__("Where the notebook lies below the server's directory"),
          cell: trans.__('The ID of the cell')
        })
      }
    });
  }

  commands.addCommand(RETRY, {
    label: trans.__('Ask the Colony Again'),
    caption: trans.__('Try at once to reach the colony'),
    execute: () => colony.retry(),
    describedBy: { args: object({}) }
  });

  commands.addCommand(SWITCH_COLONY, {
    label: args =>
      wanted(args) === 'remote'
        ? trans.__('Switch to the Configured Colony')
        : trans.__('Switch to the Embedded Colony'),
    caption: args =>
      problem(wanted(args)) || trans.__('Show this colony in all pages of this Jupyter server'),
    isEnabled: args => wanted(args) !== colony.connection?.where && !problem(wanted(args)),
    execute: async args => {
      try {
        await colony.choose(wanted(args));
      } catch (error) {
        if (args['quiet'] === true) throw error;
        await showErrorMessage(trans.__('Cannot Switch the Colony'), told(error));
      }
    },
    describedBy: {
      args: object({ where: trans.__('"local" for the embedded colony, or "remote"') })
    }
  });
  colony.connectionChanged.connect(() => commands.notifyCommandChanged(SWITCH_COLONY));

  function problem(where: Where): string {
    return colony.connection?.choices.find(choice => choice.where === where)?.problem ?? '';
  }

  const category = trans.__('Pollinator');
  palette?.addItem({ command: OPEN_PANEL, category });
  palette?.addItem({ command: RETRY, category });
  palette?.addItem({ command: SWITCH_COLONY, category, args: { where: 'local' } });
  palette?.addItem({ command: SWITCH_COLONY, category, args: { where: 'remote' } });
}

function wanted(args: Args): Where {
  return args['where'] === 'remote' ? 'remote' : 'local';
}

/** Describe arguments that are texts. */
function object(properties: Record<string, string>): ReadonlyJSONObject {
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, description]) => [
        name,
        { type: 'string', description }
      ])
    )
  };
}
