/**
 * The lines of a log, of which only those in sight are in the page.
 *
 * One tall empty element gives the browser's own scroll bars; a layer that stays in sight holds the rows. A row in which
 * a selection of the browser begins or ends stays in the page when it is scrolled away: the selection would be lost.
 */

import { MessageLoop, type Message } from '@lumino/messaging';
import { Signal, type ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import type { Finder, IMatch } from './find';
import type { ISpan } from './line';
import type { LogStore } from './logstore';
import { fillRow, lineOf, newRow } from './rows';
import { Track } from './track';

/** Lines that are selected as a whole: [from, to], in either order. */
export interface ILines {
  from: number;
  to: number;
}

interface IShownRow {
  element: HTMLElement;
  /** What it shows; another text or search makes it show something else. */
  raw: string;
  search: number;
  /** Whether what the search finds in it is known, and marked. */
  marked: boolean;
}

export class LogScroll extends Widget {
  constructor(private readonly store: LogStore) {
    super();
    this.addClass('pollinator-Log-scroll');
    this.node.tabIndex = 0;
    this.space.className = 'pollinator-Log-space';
    this.layer.className = 'pollinator-Log-layer';
    this.probe.className = 'pollinator-Log-row pollinator-Log-probe';
    this.probe.textContent = '0';
    this.probe.setAttribute('aria-hidden', 'true');
    this.space.append(this.layer);
    this.node.append(this.probe, this.space);
  }

  /** Whether new lines are followed, or which lines are selected. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the last line stays in sight. */
  get following(): boolean {
    return this._following;
  }

  /** How many lines have come since that has ended. */
  get unseen(): number {
    return this._following ? 0 : this.store.length - this.seen;
  }

  /** The first line in sight. */
  get topLine(): number {
    return this.store.first + Math.floor(this.track.top / this.rowHeight);
  }

  get selected(): ILines | null {
    return this._selected;
  }

  follow(): void {
    this.setFollowing(true);
    this.track.moveTo(Infinity);
    this.update();
  }

  pause(): void {
    this.setFollowing(false);
  }

  /** Go to the first line. */
  home(): void {
    this.setFollowing(false);
    this.track.moveTo(0);
    this.update();
  }

  select(lines: ILines | null): void {
    this._selected = lines;
    if (lines) this.setFollowing(false);
    this.update();
    this._changed.emit();
  }

  /** Mark what a search has found so far, and the match that the user has gone to. */
  mark(found: Finder | null, current: IMatch | null): void {
    const same = found === this.found && current === this.current;
    if (same && [...this.rows.values()].every(row => row.marked)) return;
    this.found = found;
    this.current = current;
    if (!same) this.search++;
    this.update();
  }

  /** Bring a match into sight: lines around it too, if it was not there. */
  reveal(match: IMatch): void {
    const top = (match.line - this.store.first) * this.rowHeight;
    const { clientHeight } = this.node;
    const inSight = top >= this.track.top && top + this.rowHeight <= this.track.top + clientHeight;
    if (!inSight) {
      this.setFollowing(false);
      this.measure();
      this.track.moveTo(top - clientHeight / 3);
    }
    MessageLoop.sendMessage(this, Widget.Msg.UpdateRequest);
    const mark = this.layer.querySelector('.pollinator-mod-current');
    mark?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  handleEvent(event: Event): void {
    if (event.type === 'scroll') this.scrolled();
    else this.selectionChanged();
  }

  override dispose(): void {
    this.observer.disconnect();
    Signal.clearData(this);
    super.dispose();
  }

  protected override onAfterAttach(): void {
    this.node.addEventListener('scroll', this, { passive: true });
    document.addEventListener('selectionchange', this);
    this.observer.observe(this.node);
    this.observer.observe(this.probe);
  }

  protected override onBeforeDetach(): void {
    this.node.removeEventListener('scroll', this);
    document.removeEventListener('selectionchange', this);
    this.observer.disconnect();
  }

  protected override onAfterShow(): void {
    this.update();
  }

  protected override onUpdateRequest(message: Message): void {
    super.onUpdateRequest(message);
    if (!this.isVisible || !this.node.clientHeight) return;
    this.measure();
    this.space.style.height = `${this.track.height}px`;
    if (Math.abs(this.node.scrollTop - this.track.bar) >= 1) this.node.scrollTop = this.track.bar;
    this.draw();
  }

  private scrolled(): void {
    if (Math.abs(this.node.scrollTop - this.track.bar) < 1) return;
    this.track.moved(this.node.scrollTop);
    this.setFollowing(this.track.atEnd);
    MessageLoop.sendMessage(this, Widget.Msg.UpdateRequest);
  }

  /** Who selects text does not want it to run away. */
  private selectionChanged(): void {
    const selection = document.getSelection();
    if (!selection || selection.isCollapsed || !this.layer.contains(selection.anchorNode)) return;
    this.setFollowing(false);
  }

  private setFollowing(following: boolean): void {
    if (following === this._following) return;
    this._following = following;
    this.seen = this.store.length;
    this._changed.emit();
  }

  /** Learn how high rows are and how many, and stay at the same lines. */
  private measure(): void {
    const height = this.probe.getBoundingClientRect().height || this.rowHeight;
    const { first } = this.store;
    const top = this.track.top / this.rowHeight + this.first - first;
    const total = (this.store.length - first) * height;
    this.track.resize(total, this.node.clientHeight);
    if (this._following) this.track.moveTo(Infinity);
    else if (height !== this.rowHeight || first !== this.first) this.track.moveTo(top * height);
    this.rowHeight = height;
    this.first = first;
  }

  private draw(): void {
    const from = this.topLine;
    const count = Math.ceil(this.node.clientHeight / this.rowHeight) + 1;
    const to = Math.min(from + count, this.store.length);
    const pinned = this.pinned().filter(line => line < from || line >= to);
    const spans = this.store.rows(from, to);
    const wanted = [...pinned, ...spans.map((_, at) => from + at)].sort((a, b) => a - b);
    for (const [line, { element }] of this.rows) {
      if ((line < from || line >= to) && !pinned.includes(line)) {
        element.remove();
        this.rows.delete(line);
      }
    }
    let next = this.layer.firstElementChild;
    for (const line of wanted) {
      const { element } = this.rowOf(line, spans[line - from]);
      element.classList.toggle('pollinator-mod-pinned', pinned.includes(line));
      element.classList.toggle('pollinator-mod-selected', this.isSelected(line));
      if (element === next) next = next.nextElementSibling;
      else this.layer.insertBefore(element, next);
    }
    this.place(from);
  }

  /** Return the row of a line, showing what it has to show. */
  private rowOf(line: number, spans: readonly ISpan[] | undefined): IShownRow {
    const raw = this.store.raw(line);
    const known = this.rows.get(line);
    const same = known?.raw === raw && known.search === this.search;
    if (same && known.marked) return known;
    const found = this.found ? this.found.matches(line) : [];
    if (same && found === null) return known;
    const row = {
      element: known?.element ?? newRow(line),
      raw,
      search: this.search,
      marked: found !== null
    };
    const matches = found ?? [];
    const current = this.current?.line === line ? this.current.start : -1;
    fillRow(row.element, spans ?? this.store.rows(line, line + 1)[0] ?? [], { matches, current });
    this.rows.set(line, row);
    return row;
  }

  /** Put the rows where they belong, and let the browser know how wide they are. */
  private place(from: number): void {
    const { style } = this.layer;
    style.height = `${this.node.clientHeight}px`;
    const above = this.track.top - (from - this.store.first) * this.rowHeight;
    style.setProperty('--pollinator-above', `${-above}px`);
    this.node.style.setProperty('--pollinator-digits', `${String(this.store.length).length}`);
    const width = this.layer.scrollWidth;
    if (width > this.width) {
      this.width = width;
      this.space.style.minWidth = `${width}px`;
    }
  }

  /** Return the lines in which a selection of the browser begins and ends. */
  private pinned(): number[] {
    const selection = document.getSelection();
    if (!selection || selection.isCollapsed) return [];
    const lines = [selection.anchorNode, selection.focusNode]
      .filter(node => this.layer.contains(node))
      .map(lineOf);
    return [...new Set(lines)].filter(
      line => line !== null && line >= this.store.first
    ) as number[];
  }

  private isSelected(line: number): boolean {
    const lines = this._selected;
    if (lines === null) return false;
    return line >= Math.min(lines.from, lines.to) && line <= Math.max(lines.from, lines.to);
  }

  private readonly track = new Track();
  private readonly space = document.createElement('div');
  private readonly layer = document.createElement('div');
  /** A row nobody sees, by which the height of rows is known whatever the theme and its fonts. */
  private readonly probe = document.createElement('div');
  private readonly observer = new ResizeObserver(() => this.update());
  private readonly rows = new Map<number, IShownRow>();
  private rowHeight = 17;
  private width = 0;
  private first = 0;
  private seen = 0;
  private search = 0;
  private found: Finder | null = null;
  private current: IMatch | null = null;
  private _following = true;
  private _selected: ILines | null = null;
  private readonly _changed = new Signal<this, void>(this);
}
