/** Places a view where there is room for it. */

import type { ILabShell, JupyterFrontEnd } from '@jupyterlab/application';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Widget } from '@lumino/widgets';

/**
 * Show a widget among the documents, and look at it.
 *
 * The main area of Notebook 7 is for one document only; there the widget goes below it, or, before 7.3, to its right.
 */
export function show(
  widget: Widget,
  shell: JupyterFrontEnd.IShell,
  labShell: ILabShell | null,
  options?: DocumentRegistry.IOpenOptions
): void {
  for (const area of labShell ? ['main'] : ['down', 'right']) {
    // A shell that lacks an area leaves the widget where it is.
    if (widget.parent === null) shell.add(widget, area, options);
  }
  shell.activateById(widget.id);
}
