/**
 * Sets right what the cards of one notebook keep of jobs that are over.
 *
 * A card is changed in its place by the kernel that has shown it. A page that was reloaded meanwhile hears nothing of
 * that, and a kernel that is gone says nothing: then the record comes from the server half.
 */

import type { ICodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';

import { ApiError, type Api } from '../colony/api';
import type { IJob, IRecord } from '../colony/types';
import { isOpen } from '../panel/states';
import { short } from '../results/paths';
import { cardOf, finalMark, type ICard } from './card';
import type { Cards } from './cards';
import type { Jobs } from './jobs';
import { saveQuietly } from './saving';

/** So long a kernel that can is left to change its card itself. */
const PATIENCE_MS = 10_000;
/** After so long a record is asked for again that could not be had; then after twice as long, and so on. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
const GONE = new Set(['dead', 'terminating', 'restarting', 'autorestarting', 'unknown']);

export interface IRecordsOptions {
  panel: NotebookPanel;
  cards: Cards;
  jobs: Jobs;
  api: Api;
  contents: Contents.IManager;
}

export class Records {
  constructor(private readonly options: IRecordsOptions) {
    const { cards, jobs, panel } = options;
    cards.arrived.connect(this.onArrived, this);
    cards.changed.connect(this.onCards, this);
    jobs.changed.connect(this.onJobs, this);
    panel.sessionContext.statusChanged.connect(this.onStatus, this);
    panel.sessionContext.kernelChanged.connect(this.onKernelGone, this);
    for (const cell of cards.cells) this.onCards(cards, cell);
  }

  dispose(): void {
    Signal.disconnectReceiver(this);
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    this.disposed = true;
  }

  private readonly onArrived = (_: Cards, card: ICard): void => {
    for (const id of card.jobs) this.expected.add(id);
    this.pauses.delete(keyOf(card));
    this.leave(keyOf(card));
  };

  private readonly onCards = (cards: Cards, cell: ICodeCellModel): void => {
    const open = cards.of(cell).filter(card => !card.final);
    for (const card of open) this.options.jobs.want(card.jobs);
    this.consider(open);
  };

  private readonly onJobs = (_: Jobs, jobs: readonly IJob[]): void => {
    const ended = new Set(jobs.filter(job => !isOpen(job.state)).map(job => short(job.id)));
    if (ended.size === 0) return;
    const cards = this.openCards().filter(card => card.jobs.some(id => ended.has(short(id))));
    for (const card of cards) this.pauses.delete(keyOf(card)); // also when the colony, or the page, is back
    this.consider(cards);
  };

  private readonly onStatus = (_: unknown, status: string): void => {
    if (GONE.has(status)) this.onKernelGone();
  };

  /** Nobody changes the cards any more that the kernel has shown. */
  private readonly onKernelGone = (): void => {
    this.expected.clear();
    this.pauses.clear();
    this.consider(this.openCards());
  };

  private openCards(): ICard[] {
    const { cards } = this.options;
    return cards.cells.flatMap(cell => cards.of(cell)).filter(card => !card.final);
  }

  /** Set right those cards whose jobs are over: at once, or when the kernel has said nothing of them for a while. */
  private consider(cards: readonly ICard[]): void {
    for (const card of cards) {
      if (!this.isOver(card)) continue;
      if (this.pauses.has(keyOf(card))) continue; // it is tried again, but not for every output of the cell
      if (card.jobs.some(id => this.expected.has(id))) this.repairLater(card, PATIENCE_MS);
      else this.repair(card);
    }
  }

  private repairLater(card: ICard, ms: number): void {
    const key = keyOf(card);
    if (!this.timers.has(key))
      this.timers.set(
        key,
        setTimeout(() => this.repair(card), ms)
      );
  }

  /** Whether all its jobs have ended; cards of earlier versions do not name all of a large group. */
  private isOver({ jobs, count }: ICard): boolean {
    const ended = (id: string): boolean => {
      const job = this.options.jobs.get(id);
      return job !== undefined && !isOpen(job.state);
    };
    return jobs.length === count && jobs.every(ended);
  }

  private repair(card: ICard): void {
    const key = keyOf(card);
    this.leave(key);
    if (this.underWay.has(key)) return;
    this.underWay.add(key);
    // One after the other: what one has changed is saved before the next asks whether the notebook was clean.
    this.work = this.work
      .then(() => this.fetchAndSet(card))
      .then(
        () => void this.pauses.delete(key),
        (error: unknown) => this.postpone(card, error)
      )
      .finally(() => this.underWay.delete(key));
  }

  /** Try again after a pause that grows, unless the answer was that there is nothing to be had. */
  private postpone(card: ICard, error: unknown): void {
    const key = keyOf(card);
    if (this.isDisposed() || isRefusal(error)) return;
    const pause = this.pauses.get(key) ?? FIRST_PAUSE_MS;
    this.pauses.set(key, Math.min(2 * pause, LONGEST_PAUSE_MS));
    this.repairLater(card, pause);
  }

  private leave(key: string): void {
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
  }

  private async fetchAndSet(card: ICard): Promise<void> {
    const key = keyOf(card);
    if (this.isDisposed() || !this.openCards().some(other => keyOf(other) === key)) return;
    const { panel, cards, contents, api } = this.options;
    const record = await (card.group ? api.groupRecord(card.jobs) : api.record(key));
    if (!record.closed || this.isDisposed()) return;
    const clean = !panel.context.model.dirty;
    const changed = cards.cells.filter(cell => setRecord(cell, key, record));
    if (clean && changed.length) await saveQuietly(panel.context, contents);
  }

  /** As a method, because it changes while something is waited for. */
  private isDisposed(): boolean {
    return this.disposed || this.options.panel.isDisposed;
  }

  private disposed = false;
  private work = Promise.resolve();
  /** Jobs whose cards a kernel can change that is there. */
  private readonly expected = new Set<string>();
  /** Cards, by their keys. */
  private readonly underWay = new Set<string>();
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** How long it is waited after another failure, for cards whose records could not be had. */
  private readonly pauses = new Map<string, number>();
}

/** Whether the server half answered that it will not do that, which it will say again. */
function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500;
}

/** Return what cards of the same jobs have in common. */
function keyOf({ jobs }: ICard): string {
  return jobs.join(' ');
}

/** Put the record into the outputs that show these jobs and are not final; return whether there are any. */
function setRecord({ outputs }: ICodeCellModel, key: string, record: IRecord): boolean {
  let changed = false;
  for (let index = 0; index < outputs.length; index++) {
    const { metadata } = outputs.get(index);
    const card = cardOf(metadata);
    if (!card || card.final || keyOf(card) !== key) continue;
    outputs.set(index, {
      output_type: 'display_data',
      data: { 'text/html': record.html, 'text/plain': record.text },
      metadata: { ...metadata, pollinator: finalMark(card) }
    });
    changed = true;
  }
  return changed;
}
