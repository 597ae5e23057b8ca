/** Marks the cells of one notebook whose jobs are open. */

import type { Cell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import type { IJob } from '../colony/types';
import { isOpen } from '../panel/states';
import type { Cards } from './cards';
import type { Jobs } from './jobs';
import { markOf } from './mark';
import { markNode } from './marknode';

export interface IMarksOptions {
  panel: NotebookPanel;
  cards: Cards;
  jobs: Jobs;
  trans: TranslationBundle;
  /** Show a job. */
  open: (job: string) => void;
}

export class Marks {
  constructor(private readonly options: IMarksOptions) {
    const { cards, jobs, panel } = options;
    cards.changed.connect(this.plan, this);
    jobs.changed.connect(this.plan, this);
    // A cell that is moved gets another widget.
    panel.model?.cells.changed.connect(this.plan, this);
    panel.context.pathChanged.connect(this.follow, this);
    this.follow();
    this.plan();
  }

  dispose(): void {
    Signal.disconnectReceiver(this);
    cancelAnimationFrame(this.planned);
    for (const { node } of this.shown.values()) node.remove();
    this.shown.clear();
  }

  private readonly follow = (): void => {
    this.options.jobs.follow(this.options.panel.context.path);
  };

  /** Draw with the next frame, however much happens until then. */
  private readonly plan = (): void => {
    if (!this.planned) this.planned = requestAnimationFrame(() => this.draw());
  };

  private draw(): void {
    this.planned = 0;
    const { panel, trans, open } = this.options;
    const wanted = this.openJobs();
    for (const cell of panel.content.widgets) {
      const mark = markOf(wanted.get(cell.model.id) ?? [], trans);
      const before = this.shown.get(cell);
      const said = JSON.stringify(mark);
      if ((before?.said ?? 'null') === said) continue;
      before?.node.remove();
      this.shown.delete(cell);
      if (mark === null) continue;
      const node = markNode(mark, open);
      this.shown.set(cell, { node, said });
      // The last child: Lumino counts those before it.
      cell.node.append(node);
    }
    for (const cell of this.shown.keys()) if (cell.isDisposed) this.shown.delete(cell);
  }

  /** Return the open jobs of each cell, by its id: those of its cards, and those that the ledger has of it. */
  private openJobs(): Map<string, IJob[]> {
    const { cards, jobs, panel } = this.options;
    const found = new Map<string, Map<string, IJob>>();
    const add = (cell: string, job: IJob): void => {
      found.set(cell, (found.get(cell) ?? new Map<string, IJob>()).set(job.id, job));
    };
    for (const job of jobs.submitted(panel.context.path)) add(job.cell, job);
    for (const cell of cards.cells) {
      for (const card of cards.of(cell)) {
        for (const id of card.final ? [] : card.jobs) {
          const job = jobs.get(id);
          if (job && isOpen(job.state)) add(cell.id, job);
        }
      }
    }
    return new Map([...found].map(([cell, open]) => [cell, [...open.values()]]));
  }

  private planned = 0;
  private readonly shown = new Map<Cell, { node: HTMLElement; said: string }>();
}
