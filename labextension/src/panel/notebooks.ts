/** Leads back to the cell that has submitted a job. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { NotebookPanel } from '@jupyterlab/notebook';

export class Notebooks {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly documents: IDocumentManager
  ) {}

  /** Whether a notebook is what somebody looks at now. */
  isInSight(path: string): boolean {
    const { currentWidget } = this.app.shell;
    if (path === '' || currentWidget === null || document.visibilityState !== 'visible')
      return false;
    return this.documents.contextForWidget(currentWidget)?.localPath === path;
  }

  /** Show a notebook and, if it is still there, the cell. */
  async open(path: string, cell: string): Promise<void> {
    const panel = await this.shown(path);
    if (panel === undefined || panel.isDisposed) return; // it opens in a page of its own
    await panel.context.ready;
    const notebook = panel.content;
    const found = notebook.widgets.findIndex(each => each.model.id === cell);
    if (found < 0) return;
    // Not `scrollToCell`, after which keys would go into the cell's text.
    notebook.deselectAll();
    notebook.activeCellIndex = found;
    await notebook.scrollToItem(found, 'center');
  }

  private async shown(path: string): Promise<NotebookPanel | undefined> {
    const open = this.documents.findWidget(path, 'Notebook');
    if (open === undefined) {
      // By the factory's name, because a notebook can be opened as text or JSON as well.
      return (await this.app.commands.execute('docmanager:open', {
        path,
        factory: 'Notebook'
      })) as NotebookPanel | undefined;
    }
    // Notebook 7 would open another page for it.
    this.app.shell.activateById(open.id);
    return open as NotebookPanel;
  }
}
