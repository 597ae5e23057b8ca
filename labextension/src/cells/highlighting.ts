/**
 * Highlights the body of a cell in the language that its `%%pollinate` line names.
 *
 * JupyterLab reads a Python cell as Python from its first line; it recovers at the end of that, and highlights a Python
 * body as it should. Only for another language there is something to do.
 */

import type { IEditorMimeTypeService } from '@jupyterlab/codeeditor';
import { isCodeCellModel, type ICellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { IObservableList } from '@jupyterlab/observables';
import { Signal } from '@lumino/signaling';

import { fileLike } from './language';

export class Highlighting {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly mimeTypes: IEditorMimeTypeService
  ) {
    panel.model?.cells.changed.connect(this.onCells, this);
    this.add(panel.model?.cells ?? []);
  }

  /** Highlight all cells as JupyterLab does. */
  dispose(): void {
    Signal.disconnectReceiver(this);
    for (const cell of this.panel.model?.cells ?? []) {
      if (this.ours.has(cell)) cell.mimeType = this.panel.content.codeMimetype;
    }
  }

  private readonly onCells = (
    _: unknown,
    change: IObservableList.IChangedArgs<ICellModel>
  ): void => {
    this.add(change.newValues);
  };

  private add(cells: Iterable<ICellModel>): void {
    for (const cell of cells) {
      if (!isCodeCellModel(cell)) continue;
      const look = (): void => this.look(cell);
      cell.contentChanged.connect(look, this);
      // The notebook sets it anew when its kernel has told its language.
      cell.mimeTypeChanged.connect(look, this);
      look();
    }
  }

  private look(cell: ICellModel): void {
    const file = fileLike(cell.sharedModel.getSource());
    const wanted = file === null ? null : this.mimeTypes.getMimeTypeByFilePath(file);
    if (wanted !== null) {
      this.ours.add(cell);
      cell.mimeType = wanted;
    } else if (this.ours.delete(cell)) {
      cell.mimeType = this.panel.content.codeMimetype;
    }
  }

  private readonly ours = new WeakSet<ICellModel>();
}
