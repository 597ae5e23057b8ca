/** The plugins of the extension; each folder is one of them. */

import { cellsPlugins } from './cells/plugin';
import { colonyPlugin } from './colony/plugin';
import { jobviewPlugin } from './jobview/plugin';
import { notifyPlugin } from './notify/plugin';
import { palettePlugin } from './palette/plugin';
import { panelPlugin } from './panel/plugin';
import { resultsPlugin } from './results/plugin';
import { statusPlugin } from './status/plugin';

export default [
  colonyPlugin,
  panelPlugin,
  jobviewPlugin,
  statusPlugin,
  resultsPlugin,
  notifyPlugin,
  palettePlugin,
  ...cellsPlugins
];
