/** The commands for one job: open its view, and cancel it whatever any kernel does. */

import { Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { stopIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';

import { told } from '../colony/api';
import type { Colony } from '../colony/colony';
import { pollinatorIcon } from '../panel/icons';
import { question } from './question';

export const OPEN_JOB = 'pollinator:open-job';
export const CANCEL_JOB = 'pollinator:cancel-job';
export const FIND_IN_LOG = 'pollinator:find-in-log';

export interface IJobCommands {
  colony: Colony;
  trans: TranslationBundle;
  /** Show the view of a job. */
  open: (id: string) => Promise<Widget>;
  /** Whether a job may still do something; null if that is not known. */
  mayCancel: (id: string) => boolean | null;
  find: () => void;
}

const ID = /^[0-9a-f]{64}$/;
const DESCRIPTION: ReadonlyJSONObject = {
  type: 'object',
  properties: { id: { type: 'string', description: 'The id of the job' } },
  required: ['id']
};

export function addCommands(commands: CommandRegistry, given: IJobCommands): void {
  const { trans } = given;
  commands.addCommand(OPEN_JOB, {
    label: trans.__('Open Log'),
    caption: trans.__('Show the log and the details of the job'),
    icon: pollinatorIcon,
    isEnabled: args => idOf(args) !== null,
    execute: args => {
      const id = idOf(args);
      return id === null ? undefined : given.open(id);
    },
    describedBy: { args: DESCRIPTION }
  });
  commands.addCommand(CANCEL_JOB, {
    label: trans.__('Cancel Job'),
    caption: trans.__('Cancel the job, or the workflow that it is a step of, after a question'),
    icon: stopIcon,
    isEnabled: args => {
      const id = idOf(args);
      return id !== null && given.mayCancel(id) !== false;
    },
    execute: async args => {
      const id = idOf(args);
      return id !== null && (await cancel(id, given));
    },
    describedBy: { args: DESCRIPTION }
  });
  commands.addCommand(FIND_IN_LOG, {
    label: trans.__('Find in Log'),
    execute: () => given.find(),
    describedBy: { args: { type: 'object', properties: {} } }
  });
}

/** Cancel a job if the user agrees; return whether it was cancelled. */
async function cancel(id: string, { colony, trans }: IJobCommands): Promise<boolean> {
  try {
    const { job = { id, step: '', graph: '' }, size } = await colony.api.withSize(id);
    const { title, body, accept } = question(job, size, trans);
    const { button } = await showDialog({
      title,
      body,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Keep It') }),
        Dialog.warnButton({ label: accept })
      ],
      defaultButton: 0
    });
    if (!button.accept) return false;
    await colony.api.cancel(id, job.graph !== '');
    return true;
  } catch (error) {
    await showErrorMessage(trans.__('Cannot Cancel the Job'), told(error));
    return false;
  }
}

function idOf(args: ReadonlyPartialJSONObject): string | null {
  const id = args['id'];
  return typeof id === 'string' && ID.test(id) ? id : null;
}
