/** A search as the user sees it: what is asked, how many matches there are so far, and which one is shown. */

import { Signal, type ISignal } from '@lumino/signaling';

import { Counter, PIECE, TooSlow } from './counter';
import { Finder, patternOf, type IMatch, type IQuery } from './find';
import type { LogStore } from './logstore';

const NOTHING: IQuery = { text: '', matchCase: false, regex: false };

export class Searching {
  constructor(
    private readonly store: LogStore,
    private readonly counter = new Counter()
  ) {}

  /** The query, a match, or how many there are. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Another match is to be shown. */
  get arrived(): ISignal<this, IMatch> {
    return this._arrived;
  }

  get query(): IQuery {
    return this._query;
  }

  /** What is wrong with the regular expression, or nothing. */
  get problem(): string {
    return this._problem;
  }

  /** Whether the regular expression takes too long, so that the search was given up. */
  get tooSlow(): boolean {
    return this._tooSlow;
  }

  /** What is marked in the lines, or null. */
  get found(): Finder | null {
    return this.finder;
  }

  get current(): IMatch | null {
    return this._current;
  }

  /** How many matches there are, as far as is known. */
  get count(): number {
    return this.finder?.count ?? 0;
  }

  /** Whether all has been searched that there is. */
  get done(): boolean {
    return this.finder?.done ?? true;
  }

  /** Which of the matches is shown; 0 for none. */
  get ordinal(): number {
    return this._current && this.finder ? this.finder.ordinal(this._current) : 0;
  }

  /** Search for something else, and go to the first match from where the last search was, or from a line on. */
  ask(query: IQuery, line: number): void {
    const at = this._current;
    this._query = query;
    this.drop();
    this._problem = '';
    this._tooSlow = false;
    try {
      if (query.text) this.finder = new Finder(this.store, patternOf(query), !query.regex);
    } catch (error) {
      this._problem = error instanceof Error ? error.message : String(error);
    }
    this.go({ line: at?.line ?? line, column: at?.start ?? 0, forward: true });
  }

  /** Search for nothing any more; the query is kept for the next time. */
  stop(): void {
    this.drop();
    this.counter.stop();
    this._changed.emit();
  }

  /** Go to the next match: after the one that is shown, or from a line on. */
  next(line: number): void {
    const { _current: at } = this;
    this.go({ line: at?.line ?? line, column: at ? at.start + 1 : 0, forward: true });
  }

  /** Go to the match before the one that is shown, or before a line. */
  previous(line: number): void {
    const { _current: at } = this;
    this.go({ line: at?.line ?? line, column: at?.start ?? 0, forward: false });
  }

  /** There is more to search. */
  advance(): void {
    if (!this.finder || this.timer !== undefined || this.asking || this.finder.done) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this._query.regex) void this.askThread();
      else this.step();
    }, 0);
  }

  dispose(): void {
    this.drop();
    this.counter.stop();
    clearTimeout(this.timer);
    Signal.clearData(this);
  }

  private step(): void {
    this.finder?.step();
    this.arrive();
    this.advance();
  }

  /** Have a piece searched for what may take too long. */
  private async askThread(): Promise<void> {
    const { finder } = this;
    if (!finder) return;
    const { from, texts } = finder.piece(PIECE);
    this.asking = true;
    try {
      const counts = await this.counter.count(finder.pattern, texts);
      if (finder !== this.finder) return;
      this.asking = false;
      finder.take(from, counts);
      this.arrive();
      this.advance();
    } catch (error) {
      this.drop();
      this._tooSlow = error instanceof TooSlow;
      this._problem = error instanceof Error ? error.message : String(error);
      this._changed.emit();
    }
  }

  /** Search no more. */
  private drop(): void {
    if (this.asking) this.counter.stop();
    this.asking = false;
    this.finder = null;
    this._current = null;
    this.wanted = null;
  }

  private go(wanted: IWanted): void {
    this.wanted = wanted;
    this.arrive();
    this.advance();
  }

  /** Show the match that is wanted, if it is known which one that is. */
  private arrive(): void {
    const found = this.finder && this.wanted ? sought(this.finder, this.wanted) : null;
    if (found) {
      this.wanted = null;
      this._current = found;
      this._arrived.emit(found);
    } else if (this.finder?.done) {
      this.wanted = null;
    }
    this._changed.emit();
  }

  private finder: Finder | null = null;
  private wanted: IWanted | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the thread has been asked and has not answered. */
  private asking = false;
  private _query = NOTHING;
  private _problem = '';
  private _tooSlow = false;
  private _current: IMatch | null = null;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _arrived = new Signal<this, IMatch>(this);
}

interface IWanted {
  line: number;
  column: number;
  forward: boolean;
}

/** Return the match that is wanted, from the other end if there is none on the way; null if it is not known yet. */
function sought(finder: Finder, { line, column, forward }: IWanted): IMatch | null {
  if (forward) {
    return finder.from(line, column) ?? (finder.done ? finder.from(0, 0) : null);
  }
  const known = finder.passed(line) || finder.done;
  return (
    (known ? finder.upTo(line, column) : null) ?? (finder.done ? finder.upTo(Infinity, 0) : null)
  );
}
