/** What can be done with a job, in the command palette: there it has to be asked with which one. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, showErrorMessage } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import { told } from '../colony/api';
import type { Colony } from '../colony/colony';
import { IColony } from '../colony/plugin';
import type { IJob } from '../colony/types';
import { isOpen } from '../panel/states';
import { choices } from './choices';

const CHOOSE = 'pollinator:choose-job';
/** So many of the user's newest jobs can be chosen. */
const OFFERED = 100;

/** A command that takes the id of a job. */
interface IOffer {
  command: string;
  title: string;
  mayTake: (job: IJob) => boolean;
}

export const palettePlugin: JupyterFrontEndPlugin<void> = {
  id: 'pollinator-magic:palette',
  description: 'Commands for jobs in the command palette.',
  autoStart: true,
  requires: [IColony],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    colony: Colony,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    if (palette === null) return;
    const { commands } = app;
    const trans = (translator ?? nullTranslator).load('pollinator_magic');
    const offers = offered(trans);
    const offerOf = (command: unknown): IOffer | undefined =>
      offers.find(offer => offer.command === command);

    commands.addCommand(CHOOSE, {
      label: args => {
        const offer = offerOf(args['command']);
        return offer ? trans.__('%1…', offer.title) : '';
      },
      isVisible: args => commands.hasCommand(offerOf(args['command'])?.command ?? ''),
      execute: async args => {
        const offer = offerOf(args['command']);
        if (offer === undefined) return;
        try {
          const job = await chosen(offer, colony, trans);
          if (job) await commands.execute(offer.command, { id: job.id });
        } catch (error) {
          await showErrorMessage(offer.title, told(error));
        }
      },
      describedBy: {
        args: {
          type: 'object',
          properties: {
            command: { type: 'string', enum: offers.map(({ command }) => command) }
          },
          required: ['command']
        }
      }
    });
    for (const { command } of offers) {
      palette.addItem({ command: CHOOSE, category: trans.__('Pollinator'), args: { command } });
    }
  }
};

function offered(trans: TranslationBundle): IOffer[] {
  const any = (): boolean => true;
  return [
    { command: 'pollinator:open-job', title: trans.__('Open Log of a Job'), mayTake: any },
    { command: 'pollinator:show-results', title: trans.__('Show Results of a Job'), mayTake: any },
    {
      command: 'pollinator:attach-job',
      title: trans.__('Attach a Job in a New Cell'),
      mayTake: any
    },
    {
      command: 'pollinator:cancel-job',
      title: trans.__('Cancel a Job'),
      mayTake: job => isOpen(job.state)
    }
  ];
}

/** Ask for one of the user's newest jobs; return null if nobody chose one. */
async function chosen(
  { title, mayTake }: IOffer,
  colony: Colony,
  trans: TranslationBundle
): Promise<IJob | null> {
  const newest = await colony.api.jobs({ mine: true, state: '', text: '' }, null, OFFERED);
  const jobs = newest.jobs.filter(mayTake);
  if (!jobs.length) {
    throw new Error(trans.__('None of your newest jobs can be chosen for this.'));
  }
  const items = choices(jobs, newest.now, trans);
  const { value } = await InputDialog.getItem({ title, label: trans.__('Job'), items });
  return jobs[items.indexOf(value ?? '')] ?? null;
}
