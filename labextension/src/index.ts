/** The plugins of the extension; each folder is one of them. */

import { colonyPlugin } from './colony/plugin';

export default [colonyPlugin];
