/** Searching a log, however long, a bounded piece at a time; what is appended meanwhile is searched too. */

import type { LogStore } from './logstore';

export interface IQuery {
  text: string;
  matchCase: boolean;
  regex: boolean;
}

/** Characters of one line: [start, end). */
export interface IMatch {
  line: number;
  start: number;
  end: number;
}

/** How much is searched at once: a few milliseconds' work, in characters. */
export const STRIDE = 1 << 19;
/** What a line costs beside its characters. */
export const COST_OF_A_LINE = 50;

/** Return the pattern to search for; throws a SyntaxError that says what is wrong with a regular expression. */
export function patternOf(query: IQuery): RegExp {
  const source = query.regex ? query.text : query.text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(source, query.matchCase ? 'g' : 'gi');
}

/** Return where a pattern is found in the text of a line; nothing that is empty. */
export function matchesIn(text: string, line: number, pattern: RegExp): IMatch[] {
  const matches: IMatch[] = [];
  for (const found of text.matchAll(pattern)) {
    if (found[0]) matches.push({ line, start: found.index, end: found.index + found[0].length });
  }
  return matches;
}

/** Lines from one on. */
export interface IPiece {
  from: number;
  texts: string[];
}

export class Finder {
  /** A pattern that is not `trusted` is never looked for in lines that have not been searched elsewhere. */
  constructor(
    private readonly store: LogStore,
    readonly pattern: RegExp,
    private readonly trusted = true
  ) {
    this.reached = store.first;
  }

  /** Search on; return whether there is more to search. */
  step(): boolean {
    const { from, texts } = this.piece(STRIDE);
    this.take(
      from,
      texts.map(text => matchesIn(text, from, this.pattern).length)
    );
    return !this.done;
  }

  /** Return the lines to search next, of about so many characters. */
  piece(size: number): IPiece {
    this.forget();
    const from = this.reached;
    const texts: string[] = [];
    for (let work = 0; work < size && from + texts.length < this.store.settled;) {
      const text = this.store.text(from + texts.length);
      work += text.length + COST_OF_A_LINE;
      texts.push(text);
    }
    return { from, texts };
  }

  /** Take how many matches there are in the lines from one on, which have been searched. */
  take(from: number, counts: readonly number[]): void {
    counts.forEach((count, place) => {
      if (!count) return;
      this.lines.push(from + place);
      this.before.push(this.total);
      this.total += count;
    });
    this.reached = from + counts.length;
  }

  /** Return the matches in a line; null if that cannot be told yet. */
  matches(line: number): IMatch[] | null {
    return this.trusted || this.passed(line) ? this.in(line) : null;
  }

  /** Whether this line has been searched. */
  passed(line: number): boolean {
    return this.reached > line;
  }

  /** Whether all lines have been searched that do not change any more. */
  get done(): boolean {
    return this.reached >= this.store.settled;
  }

  /** How many matches there are, as far as is known. */
  get count(): number {
    return this.total - (this.before[this.head] ?? this.total);
  }

  /** Return which match it is: the first is 1. */
  ordinal(match: IMatch): number {
    const at = this.indexOf(match.line);
    const earlier = this.in(match.line).filter(other => other.start < match.start).length;
    return (this.before[at] ?? 0) - (this.before[this.head] ?? 0) + earlier + 1;
  }

  /** Return the first match at or after a place, or null. */
  from(line: number, column: number): IMatch | null {
    const at = this.indexOf(line);
    const here = this.lines[at] === line ? this.in(line).find(one => one.start >= column) : null;
    return here ?? this.in(this.lines[this.lines[at] === line ? at + 1 : at])[0] ?? null;
  }

  /** Return the last match before a place, or null. */
  upTo(line: number, column: number): IMatch | null {
    const at = this.indexOf(line);
    const here = this.lines[at] === line ? this.in(line).filter(one => one.start < column) : [];
    return here.pop() ?? (at > this.head ? this.in(this.lines[at - 1]).pop() : null) ?? null;
  }

  private in(line: number | undefined): IMatch[] {
    return line === undefined ? [] : matchesIn(this.store.text(line), line, this.pattern);
  }

  /** Return the place of the first line with matches at or after this one, among those lines. */
  private indexOf(line: number): number {
    this.forget();
    let [low, high] = [this.head, this.lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.lines[middle] ?? line) < line) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Leave out lines that are not kept any more. */
  private forget(): void {
    const first = this.store.first;
    while ((this.lines[this.head] ?? first) < first) this.head++;
    this.reached = Math.max(this.reached, first);
  }

  /** Lines with matches, and how many matches there are before each. */
  private readonly lines: number[] = [];
  private readonly before: number[] = [];
  private total = 0;
  private reached: number;
  /** Where the lines begin that are still kept. */
  private head = 0;
}
