/** A notification when a job has ended, with the ways to its log, its notebook and its results. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { Colony } from '../colony/colony';
import { IColony } from '../colony/plugin';
import { Announcer } from './announcer';
import type { Wanted } from './announcement';
import { Listener } from './listener';
import { Notebooks } from '../panel/notebooks';

const ID = 'pollinator-magic:notify';

export const notifyPlugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'A notification when a job has ended.',
  autoStart: true,
  requires: [IColony, IDocumentManager],
  optional: [ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    colony: Colony,
    documents: IDocumentManager,
    translator: ITranslator | null,
    settings: ISettingRegistry | null
  ) => {
    const trans = (translator ?? nullTranslator).load('pollinator_magic');
    const notebooks = new Notebooks(app, documents);
    const announcer = new Announcer(Notification.manager, app.commands, notebooks, trans);
    new Listener(colony, jobs => announcer.tell(jobs)).start();
    if (settings) void follow(announcer, settings);
  }
};

async function follow(announcer: Announcer, registry: ISettingRegistry): Promise<void> {
  const settings = await registry.load(ID);
  const take = (): void => {
    announcer.wanted = settings.composite['announce'] as Wanted;
  };
  settings.changed.connect(take);
  take();
}
