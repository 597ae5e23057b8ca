/** The commands on cells. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification, type ICommandPalette } from '@jupyterlab/apputils';
import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject } from '@lumino/coreutils';

import type { Colony } from '../colony/colony';
import { pollinatorIcon } from '../panel/icons';
import { attach } from './attaching';
import { isId } from './card';
import { canPollinate, isPollinated, pollinate, putExecutor } from './pollinating';

const POLLINATE = 'pollinator:pollinate-cell';
const USE_EXECUTOR = 'pollinator:use-executor';
const ATTACH = 'pollinator:attach-job';

export function addCommands(
  { commands }: JupyterFrontEnd,
  notebooks: INotebookTracker,
  colony: Colony,
  trans: TranslationBundle,
  palette: ICommandPalette | null
): void {
  const pollinated = (): boolean => {
    const cell = notebooks.activeCell;
    return canPollinate(cell) && isPollinated(cell);
  };

  commands.addCommand(POLLINATE, {
    label: () =>
      pollinated() ? trans.__('Change Where the Cell Runs…') : trans.__('Run Cell on the Colony…'),
    caption: () =>
      pollinated()
        ? trans.__('Change where this cell runs as a job, or run it here again')
        : trans.__('Turn this cell into a job with %%%%pollinate'),
    // The palette shows commands without icons.
    icon: args => (args['isPalette'] ? undefined : pollinatorIcon),
    isToggled: pollinated,
    isEnabled: () => canPollinate(notebooks.activeCell),
    isVisible: () => notebooks.activeCell?.model.type === 'code',
    execute: async () => {
      const cell = notebooks.activeCell;
      if (canPollinate(cell)) await pollinate(cell, colony, trans);
    },
    describedBy: { args: described({}) }
  });
  keepCurrent(notebooks, pollinated, () => commands.notifyCommandChanged(POLLINATE));

  commands.addCommand(USE_EXECUTOR, {
    label: trans.__('Use Executor in the Active Cell'),
    caption: trans.__('Let the active cell run on this executor'),
    execute: args => {
      const { name } = args;
      const cell = notebooks.activeCell;
      if (typeof name !== 'string' || !name) return;
      if (canPollinate(cell)) putExecutor(cell, name);
      else
        Notification.warning(
          trans.__('There is no code cell to use %1 in. Select one in a notebook.', name),
          { autoClose: 5_000 }
        );
    },
    describedBy: { args: described({ name: trans.__('The name of the executor') }) }
  });

  commands.addCommand(ATTACH, {
    label: trans.__('Attach in a New Cell'),
    caption: trans.__('Follow the job in a new cell below the active one'),
    isEnabled: () => notebooks.currentWidget !== null,
    execute: async args => {
      const panel = notebooks.currentWidget;
      if (panel && isId(args['id'])) await attach(panel, args['id']);
    },
    describedBy: { args: described({ id: trans.__('The id of the job') }) }
  });
  notebooks.currentChanged.connect(() => commands.notifyCommandChanged(ATTACH));

  palette?.addItem({
    command: POLLINATE,
    category: trans.__('Pollinator'),
    args: { isPalette: true }
  });
}

/** Tell when another cell is active, and when the active one becomes a job or comes back. */
function keepCurrent(
  notebooks: INotebookTracker,
  pollinated: () => boolean,
  changed: () => void
): void {
  let model: ICellModel | null = null;
  let known = false;
  const look = (): void => {
    if (pollinated() === known) return;
    known = !known;
    changed();
  };
  notebooks.activeCellChanged.connect((_, cell) => {
    model?.contentChanged.disconnect(look);
    model = cell?.model ?? null;
    model?.contentChanged.connect(look);
    known = pollinated();
    changed();
  });
}

/** Describe arguments that are texts. */
function described(properties: Record<string, string>): ReadonlyJSONObject {
  const each = Object.entries(properties).map(([name, description]) => [
    name,
    { type: 'string', description }
  ]);
  return { type: 'object', properties: Object.fromEntries(each) as ReadonlyJSONObject };
}
