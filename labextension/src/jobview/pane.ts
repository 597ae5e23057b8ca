/** The log of a job: its lines, the search bar above them, and what has to be said about them. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Panel } from '@lumino/widgets';

import type { State } from '../colony/types';
import { spotOf, textBetween } from './copying';
import { FindBar } from './findbar';
import { LogStore } from './logstore';
import { Notices } from './notices';
import { LogReader, type Ask } from './reader';
import { lineOf } from './rows';
import { LogScroll } from './scroll';
import { Searching } from './searching';

export class LogPane extends Panel {
  constructor(
    ask: Ask,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('pollinator-Log');
    this.reader = new LogReader(ask, this.store);
    this.notices = new Notices(trans, {
      retry: () => this.reader.hurry(),
      follow: () => this.follow()
    });
    this.bar = new FindBar(
      this.searching,
      {
        ask: query => this.searching.ask(query, this.lines.topLine),
        next: () => this.searching.next(this.lines.topLine),
        previous: () => this.searching.previous(this.lines.topLine),
        close: () => this.closeFind()
      },
      trans
    );
    this.lines.node.setAttribute('role', 'log');
    this.lines.node.setAttribute('aria-live', 'off');
    this.lines.node.setAttribute('aria-label', trans.__('Log of the job'));
    this.addWidget(this.bar);
    this.addWidget(this.lines);
    const { trouble, empty, followButton, spoken } = this.notices;
    this.node.append(trouble, empty, followButton, spoken);

    this.reader.changed.connect(() => this.read());
    this.lines.changed.connect(() => this.say());
    this.searching.changed.connect(() =>
      this.lines.mark(this.searching.found, this.searching.current)
    );
    this.searching.arrived.connect((_, match) => this.lines.reveal(match));
    this.say();
  }

  /** Tell what is known of the job. */
  setState(state: State): void {
    this.state = state;
    this.reader.setState(state);
    this.say();
  }

  /** Ask now what would be asked later. */
  hurry(): void {
    this.reader.hurry();
  }

  setLineNumbers(shown: boolean): void {
    this.toggleClass('pollinator-mod-unnumbered', !shown);
  }

  openFind(): void {
    this.bar.open();
    const { query } = this.searching;
    if (query.text && !this.searching.found) this.searching.ask(query, this.lines.topLine);
  }

  /** Go to the last line and stay there. */
  follow(): void {
    this.lines.follow();
    this.lines.node.focus({ preventScroll: true });
  }

  focus(): void {
    this.lines.node.focus({ preventScroll: true });
  }

  handleEvent(event: Event): void {
    switch (event.type) {
      case 'keydown':
        this.pressed(event as KeyboardEvent);
        break;
      case 'mousedown':
        this.clicked(event as MouseEvent);
        break;
      case 'mousemove':
        this.dragged(event as MouseEvent);
        break;
      case 'copy':
        this.copy(event as ClipboardEvent);
        break;
      default:
        this.watch();
    }
  }

  override dispose(): void {
    this.reader.dispose();
    this.searching.dispose();
    super.dispose();
  }

  protected override onAfterAttach(): void {
    for (const type of EVENTS) this.lines.node.addEventListener(type, this);
    document.addEventListener('visibilitychange', this);
    this.watch();
  }

  protected override onBeforeDetach(): void {
    for (const type of EVENTS) this.lines.node.removeEventListener(type, this);
    document.removeEventListener('visibilitychange', this);
    this.reader.setVisible(false);
  }

  protected override onAfterShow(): void {
    this.watch();
  }

  protected override onAfterHide(): void {
    this.watch();
  }

  /** Read only while somebody can see it. */
  private watch(): void {
    this.reader.setVisible(this.isVisible && document.visibilityState !== 'hidden');
  }

  private read(): void {
    this.lines.update();
    this.searching.advance();
    this.say();
  }

  private say(): void {
    this.notices.tell({
      state: this.state,
      trouble: this.reader.trouble,
      begun: this.reader.begun,
      complete: this.reader.complete,
      lines: this.store.length,
      following: this.lines.following,
      unseen: this.lines.unseen
    });
  }

  private closeFind(): void {
    this.searching.stop();
    this.bar.hide();
    this.focus();
  }

  private pressed(event: KeyboardEvent): void {
    const accel = event.ctrlKey || event.metaKey;
    if (event.altKey) return;
    if (event.key === 'End') this.lines.follow();
    else if (event.key === 'Home') this.lines.home();
    else if (event.key === 'Escape' && this.lines.selected) this.lines.select(null);
    else if (accel && event.key.toLowerCase() === 'a') this.selectAll();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private selectAll(): void {
    document.getSelection()?.removeAllRanges();
    this.lines.select({ from: this.store.first, to: this.store.length - 1 });
  }

  /** A line's number selects the line; with Shift, all from the one selected before. */
  private clicked(event: MouseEvent): void {
    const number = (event.target as Element).closest('.pollinator-Log-number');
    const line = lineOf(number);
    if (event.button !== 0) return;
    if (line === null) {
      if (this.lines.selected) this.lines.select(null);
      return;
    }
    event.preventDefault();
    this.focus();
    document.getSelection()?.removeAllRanges();
    const from = event.shiftKey ? (this.lines.selected?.from ?? line) : line;
    this.lines.select({ from, to: line });
    this.dragging = true;
  }

  private dragged(event: MouseEvent): void {
    this.dragging &&= (event.buttons & 1) === 1;
    const line = this.dragging ? lineOf(event.target as Node) : null;
    const { selected } = this.lines;
    if (line !== null && selected) this.lines.select({ from: selected.from, to: line });
  }

  /** Copy the text as it is seen, also of lines that are out of sight. */
  private copy(event: ClipboardEvent): void {
    const selection = document.getSelection();
    const { selected } = this.lines;
    const [from, to] = selected
      ? [
          { line: Math.min(selected.from, selected.to), column: 0 },
          { line: Math.max(selected.from, selected.to), column: Infinity }
        ]
      : [
          spotOf(selection?.anchorNode ?? null, selection?.anchorOffset ?? 0),
          spotOf(selection?.focusNode ?? null, selection?.focusOffset ?? 0)
        ];
    if (!from || !to || (!selected && selection?.isCollapsed)) return;
    const { text, lines } = textBetween(this.store, from, to);
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
    this.notices.speak(
      this.trans._n('%1 line copied', '%1 lines copied', lines, lines.toLocaleString())
    );
  }

  private readonly store = new LogStore();
  private readonly lines = new LogScroll(this.store);
  private readonly searching = new Searching(this.store);
  private readonly reader: LogReader;
  private readonly notices: Notices;
  private readonly bar: FindBar;
  private state: State | null = null;
  private dragging = false;
}

const EVENTS = ['keydown', 'mousedown', 'mousemove', 'copy'];
