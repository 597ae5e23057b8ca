/** Shows one job in the main area: its log as it grows, and what else there is to know about it. */

import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { Colony } from '../colony/colony';
import { IColony } from '../colony/plugin';
import { addCommands, CANCEL_JOB, OPEN_JOB } from './commands';
import { show } from './placing';
import { JobView, type IPreferences } from './view';

const ID = 'pollinator-magic:jobview';

export const jobviewPlugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'The log and the details of a job, in the main area.',
  autoStart: true,
  requires: [IColony],
  optional: [ITranslator, ILabShell, ILayoutRestorer, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    colony: Colony,
    translator: ITranslator | null,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null
  ) => {
    const { commands, shell } = app;
    const trans = (translator ?? nullTranslator).load('pollinator_magic');
    const tracker = new WidgetTracker<JobView>({ namespace: 'pollinator-job' });
    const viewOf = (id: string): JobView | undefined => tracker.find(view => view.jobId === id);
    const preferences = new Preferences(settings, now => tracker.forEach(view => view.prefer(now)));

    const make = async (id: string): Promise<JobView> => {
      const prefer = (details: boolean): void => preferences.setDetails(details);
      const view = new JobView(id, { colony, commands, trans, prefer });
      view.prefer(preferences.now);
      view.content.job.changed.connect(() => commands.notifyCommandChanged(CANCEL_JOB));
      await tracker.add(view);
      return view;
    };

    addCommands(commands, {
      colony,
      trans,
      open: async id => {
        const view = viewOf(id) ?? (await make(id));
        show(view, shell, labShell, { type: 'Pollinator Job' });
        return view;
      },
      mayCancel: id => viewOf(id)?.content.job.open ?? null,
      find: () => tracker.currentWidget?.content.log.openFind()
    });
    if (restorer) {
      void restorer.restore(tracker, {
        command: OPEN_JOB,
        args: view => ({ id: view.jobId }),
        name: view => view.jobId
      });
    }
  }
};

/** What the user prefers, as the settings have it; without settings, for this page. */
class Preferences {
  constructor(
    private readonly registry: ISettingRegistry | null,
    private readonly changed: (now: IPreferences) => void
  ) {
    void this.load();
  }

  now: IPreferences = { lineNumbers: true, details: true };

  setDetails(details: boolean): void {
    this.now = { ...this.now, details };
    this.changed(this.now);
    void this.registry?.set(ID, 'details', details);
  }

  private async load(): Promise<void> {
    const settings = await this.registry?.load(ID);
    const take = (): void => {
      this.now = {
        lineNumbers: settings?.composite['lineNumbers'] !== false,
        details: settings?.composite['details'] !== false
      };
      this.changed(this.now);
    };
    if (settings) take();
    settings?.changed.connect(take);
  }
}
