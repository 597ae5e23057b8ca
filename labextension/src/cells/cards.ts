/** The cards in the outputs of one notebook: each cell is looked at once, and again only when its outputs change. */

import { isCodeCellModel, type ICellModel, type ICodeCellModel } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { IObservableList } from '@jupyterlab/observables';
import type { IOutputAreaModel } from '@jupyterlab/outputarea';
import { Signal, type ISignal } from '@lumino/signaling';

import { cardOf, type ICard } from './card';

type Outputs = IOutputAreaModel.ChangedArgs;

export class Cards {
  constructor(private readonly model: INotebookModel) {
    model.cells.changed.connect(this.onCells, this);
    this.add(model.cells);
  }

  /** A cell's cards are others than before. */
  get changed(): ISignal<this, ICodeCellModel> {
    return this._changed;
  }

  /** A kernel has just shown this card, so that it knows where to change it. */
  get arrived(): ISignal<this, ICard> {
    return this._arrived;
  }

  /** The cells that have cards. */
  get cells(): ICodeCellModel[] {
    return [...this.found.keys()];
  }

  of(cell: ICellModel): readonly ICard[] {
    return this.found.get(cell as ICodeCellModel) ?? [];
  }

  dispose(): void {
    Signal.disconnectReceiver(this);
    this.heard.clear();
    this.found.clear();
    Signal.clearData(this);
  }

  private readonly onCells = (
    _: unknown,
    change: IObservableList.IChangedArgs<ICellModel>
  ): void => {
    for (const cell of change.oldValues) this.forget(cell);
    this.add(change.newValues);
  };

  private add(cells: Iterable<ICellModel>): void {
    for (const cell of cells) {
      if (!isCodeCellModel(cell) || this.heard.has(cell.outputs)) continue;
      this.heard.set(cell.outputs, cell);
      cell.outputs.changed.connect(this.onOutputs, this);
      this.look(cell);
    }
  }

  private forget(cell: ICellModel): void {
    if (!isCodeCellModel(cell) || [...this.model.cells].includes(cell)) return; // it was moved
    this.heard.delete(cell.outputs);
    if (this.found.delete(cell)) this._changed.emit(cell);
  }

  private readonly onOutputs = (outputs: IOutputAreaModel, change: Outputs): void => {
    const cell = this.heard.get(outputs);
    const cards = change.newValues.map(value => cardOf(value.metadata));
    if (!cell || !(this.found.has(cell) || cards.some(card => card !== null))) return;
    for (const card of cards) if (card) this._arrived.emit(card);
    this.look(cell);
  };

  private look(cell: ICodeCellModel): void {
    const cards: ICard[] = [];
    for (let index = 0; index < cell.outputs.length; index++) {
      const card = cardOf(cell.outputs.get(index).metadata);
      if (card) cards.push(card);
    }
    const had = cards.length ? this.found.set(cell, cards) : this.found.delete(cell);
    if (had) this._changed.emit(cell);
  }

  private readonly heard = new Map<IOutputAreaModel, ICodeCellModel>();
  private readonly found = new Map<ICodeCellModel, ICard[]>();
  private readonly _changed = new Signal<this, ICodeCellModel>(this);
  private readonly _arrived = new Signal<this, ICard>(this);
}
