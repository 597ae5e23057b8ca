/** How results look among other documents: which job they are of, and that they are not trusted. */

import type { IDocumentWidget } from '@jupyterlab/docregistry';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Title, Widget } from '@lumino/widgets';

import { resultAt, short } from './paths';

/** Becomes an attribute of the tab, `data-pollinator-job`, which the style shows behind the label. */
const MARK = 'pollinator-job';

/** Prepare a viewer that was opened, if it shows a result and is new. */
export function adopt(widget: IDocumentWidget, trans: TranslationBundle): void {
  const { title } = widget;
  const place = resultAt(widget.context.path);
  if (place === null || title.dataset[MARK]) return;
  // Files may be trusted by default, but what came from elsewhere is not; people may still say that they trust it.
  if ('trusted' in widget) widget.trusted = false;
  // The label has to stay the file's name, because setting another one renames the file.
  title.dataset = { ...title.dataset, [MARK]: short(place.id) };
  const caption = trans.__('%1\nResult of job %2\nRead-only', place.name, short(place.id));
  const hold = (held: Title<Widget>): void => {
    held.caption = caption; // JupyterLab writes its own, with the whole path, whenever it has read the file
  };
  title.changed.connect(hold);
  hold(title);
}
