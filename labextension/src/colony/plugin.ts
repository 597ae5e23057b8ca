/** Provides the colony to all other plugins. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Token } from '@lumino/coreutils';

import { Api } from './api';
import { Colony } from './colony';

export const IColony = new Token<Colony>(
  'pollinator-magic:IColony',
  'The colony that pollinator_magic shows beside the notebook.'
);

export const colonyPlugin: JupyterFrontEndPlugin<Colony> = {
  id: 'pollinator-magic:colony',
  description: 'Listens to the server half of pollinator_magic.',
  autoStart: true,
  provides: IColony,
  activate: (app: JupyterFrontEnd) => {
    const colony = new Colony(new Api(app.serviceManager.serverSettings));
    void app.restored.then(() => colony.start());
    return colony;
  }
};
