/**
 * The text of a log and where its lines begin.
 *
 * Text is kept in blocks of a few thousand lines as it came, one number for each line beside it, and the style in which
 * each block begins; a line is decoded when it is asked for. Appending costs the same however much there is already, and
 * a million lines take little more memory than their text. What is oldest goes when the budget is used up: line numbers
 * stay what they are.
 */

import { decode, fold, plain, WIDEST, type ISpan } from './line';
import { PLAIN, styleAfter, type IStyle } from './style';

interface IBlock {
  /** The number of its first line. */
  readonly first: number;
  readonly begin: IStyle;
  /** Lines with their ends. */
  text: string;
  /** Where each line begins in the text. */
  starts: number[] | Uint32Array;
}

/** Characters after which a block is full. */
const BLOCK = 1 << 16;
/** A line that is rewritten in place is folded when it has become longer than this. */
const REWRITTEN = 512;
/** A line that is not finished is folded when it has become longer than this. */
const UNFOLDED = 4 * WIDEST;
/** What one line costs beside its text, in characters. */
const COST_OF_A_LINE = 4;

export class LogStore {
  /** `budget` is about how many characters are kept. */
  constructor(private readonly budget = 100 << 20) {}

  /** The number of the first line that is kept. */
  get first(): number {
    return this.blocks[0]?.first ?? 0;
  }

  /** One more than the number of the last line, which may not be finished. */
  get length(): number {
    return this.settled + (this.pending ? 1 : 0);
  }

  /** Lines before this one do not change any more. */
  get settled(): number {
    return this.open.first + this.open.starts.length;
  }

  /** About how many characters are kept. */
  get weight(): number {
    return this.sealed + this.open.text.length + COST_OF_A_LINE * this.open.starts.length;
  }

  /** How many characters have been looked at, by which the work is measured. */
  get examined(): number {
    return this._examined;
  }

  /** Go on with text as the job wrote it, in pieces of any size. */
  append(text: string): void {
    const cut = text.lastIndexOf('\n') + 1;
    this._examined += text.length;
    if (cut) this.take(this.folded(this.pending + text.slice(0, cut)));
    this.pending = cut ? text.slice(cut) : this.pending + text;
    if (this.pending.length > UNFOLDED) {
      this._examined += this.pending.length;
      this.pending = fold(this.pending, this.settledStyle());
    }
  }

  /** The job writes no more: its last line is finished too. */
  finish(): void {
    if (plain(this.pending)) this.append('\n');
    this.pending = '';
  }

  /** Return a line as it came, without its end. */
  raw(line: number): string {
    if (line >= this.settled) return this.pending;
    const block = this.blockOf(line);
    const start = block.starts[line - block.first] ?? 0;
    const next = block.starts[line - block.first + 1] ?? block.text.length;
    return block.text.slice(start, next - 1);
  }

  /** Return the characters of a line that are seen. */
  text(line: number): string {
    return plain(this.raw(line));
  }

  /** Return what is seen of the lines from one up to, but not including, another. */
  rows(from: number, to: number): ISpan[][] {
    const rows: ISpan[][] = [];
    let style = from < to ? this.styleAt(from) : PLAIN;
    for (let line = from; line < to; line++) {
      const { spans, end } = decode(this.raw(line), style);
      rows.push(spans);
      style = end;
    }
    return rows;
  }

  /** Take finished lines, with their ends. */
  private take(text: string): void {
    this._examined += text.length;
    let [begin, at] = [0, 0];
    while (at < text.length) {
      (this.open.starts as number[]).push(this.open.text.length + at - begin);
      at = text.indexOf('\n', at) + 1;
      if (this.open.text.length + at - begin >= BLOCK || at === text.length) {
        this.open.text += text.slice(begin, at);
        begin = at;
      }
      if (this.open.text.length >= BLOCK) this.seal();
    }
  }

  /** Begin another block. */
  private seal(): void {
    const full = this.open;
    full.starts = Uint32Array.from(full.starts);
    this.sealed += full.text.length + COST_OF_A_LINE * full.starts.length;
    this._examined += full.text.length;
    const first = full.first + full.starts.length;
    this.open = { first, begin: styleAfter(full.text, full.begin), text: '', starts: [] };
    this.blocks.push(this.open);
    while (this.weight > this.budget && this.blocks.length > 2) {
      const oldest = this.blocks.shift();
      if (oldest) this.sealed -= oldest.text.length + COST_OF_A_LINE * oldest.starts.length;
    }
  }

  /** Return lines with those folded that are too long, or are so because they were rewritten. */
  private folded(text: string): string {
    const pieces: string[] = [];
    let [begin, returns] = [0, -1];
    let style: IStyle | null = null;
    for (let at = 0, end = 0; at < text.length; at = end + 1) {
      end = text.indexOf('\n', at);
      if (end - at <= REWRITTEN) continue;
      if (returns < at) returns = (text.indexOf('\r', at) + 1 || text.length + 1) - 1;
      if (end - at <= WIDEST && returns >= end - 1) continue;
      const before = text.slice(begin, at);
      const line = text.slice(at, end);
      style = styleAfter(before, style ?? this.settledStyle());
      pieces.push(before, fold(line, style));
      this._examined += before.length + line.length;
      style = styleAfter(line, style);
      begin = end;
    }
    return pieces.length ? pieces.join('') + text.slice(begin) : text;
  }

  /** Return the style in which the line begins that is not finished. */
  private settledStyle(): IStyle {
    this._examined += this.open.text.length;
    return styleAfter(this.open.text, this.open.begin);
  }

  private styleAt(line: number): IStyle {
    if (line >= this.settled) return this.settledStyle();
    const block = this.blockOf(line);
    const before = block.text.slice(0, block.starts[line - block.first]);
    this._examined += before.length;
    return styleAfter(before, block.begin);
  }

  /** Return the last block that begins at this line or before. */
  private blockOf(line: number): IBlock {
    let [low, high] = [0, this.blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.blocks[middle]?.first ?? 0) <= line) low = middle;
      else high = middle - 1;
    }
    return this.blocks[low] ?? this.open;
  }

  private open: IBlock = { first: 0, begin: PLAIN, text: '', starts: [] };
  private readonly blocks: IBlock[] = [this.open];
  /** The weight of all blocks but the open one. */
  private sealed = 0;
  private pending = '';
  private _examined = 0;
}
