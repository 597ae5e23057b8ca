/**
 * One line of a log as a terminal leaves it: colours, carriage returns, backspaces and erasing.
 *
 * A raw line is what the job wrote between two line ends. It is looked at only when somebody sees it, searches in it or
 * copies it; every other control sequence shows nothing.
 */

import { after, PLAIN, same, sequence, type IStyle } from './style';

export interface ISpan {
  text: string;
  style: IStyle;
}

/** The most characters of a line that are shown; an ellipsis tells that there are more. */
export const WIDEST = 10_000;

const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;
const MOVES = /[\r\b]|\x1b\[[0-2]?K/;
const TOKEN = new RegExp(
  [
    /\x1b\[([0-9;:]*)m/, // 1: a style
    /(\r|\x08|\x1b\[[0-2]?K)/, // 2: a move in the line, or erasing in it
    /\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?/, // a command to the operating system, e.g. a title or a link
    /\x1b\[[0-?]*[ -/]*[@-~]?/, // every other control sequence, also an unfinished one
    /\x1b[ -/]*[^[\]\x1b]?/, // e.g. the choice of a character set
    /[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]/
  ]
    .map(part => part.source)
    .join('|'),
  'g'
);
const UNFINISHED = /\x1b(?:[ -/]*|\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?)?$/;
/** No control sequence is longer; one that is shall not keep text from being shown. */
const LONGEST_SEQUENCE = 4_096;

/** Return what is seen of a raw line that begins in a style, and the style that it ends in. */
export function decode(raw: string, begin: IStyle): { spans: ISpan[]; end: IStyle } {
  if (!CONTROL.test(raw)) {
    return { spans: raw ? [{ text: cut(raw), style: begin }] : [], end: begin };
  }
  const cells = new Cells(begin, MOVES.test(withoutEnd(raw)));
  cells.write(withoutEnd(raw));
  return { spans: cells.spans(), end: cells.style };
}

/** Return the characters of a raw line that are seen. */
export function plain(raw: string): string {
  return CONTROL.test(raw)
    ? decode(raw, PLAIN)
        .spans.map(span => span.text)
        .join('')
    : cut(raw);
}

/**
 * Return a raw line with the same meaning, also for what will be written after it, that is no longer than what is seen:
 * a progress bar has rewritten its line ten thousand times. `begin` is the style that the line begins in.
 */
export function fold(raw: string, begin: IStyle): string {
  const rest = unfinished(raw);
  const cells = new Cells(begin, true);
  cells.write(raw.slice(0, rest));
  return cells.raw(begin) + raw.slice(rest);
}

/** Return where the control sequence begins that is not complete at the end of the text. */
function unfinished(text: string): number {
  const from = Math.max(text.length - LONGEST_SEQUENCE, 0);
  const found = UNFINISHED.exec(text.slice(from));
  return found ? from + found.index : text.length;
}

/** Return a line without the carriage return of a line end as Windows writes it. */
function withoutEnd(raw: string): string {
  return raw.endsWith('\r') ? raw.slice(0, -1) : raw;
}

function cut(text: string): string {
  return text.length > WIDEST ? `${text.slice(0, WIDEST)}…` : text;
}

/** What stands in a line: its characters, the style of each, and where the next one goes. */
class Cells {
  /** `moves` is whether text may be written over, in which case each character must be known. */
  constructor(
    public style: IStyle,
    private readonly moves: boolean
  ) {}

  write(raw: string): void {
    let at = 0;
    for (const found of raw.matchAll(TOKEN)) {
      this.put(raw.slice(at, found.index));
      at = found.index + found[0].length;
      if (found[1] !== undefined) this.style = after(this.style, found[1]);
      else if (found[2] !== undefined) this.move(found[2]);
    }
    this.put(raw.slice(at));
  }

  /** Return the runs of characters of one style. */
  spans(): ISpan[] {
    const spans: ISpan[] = [];
    const shown = this.cut ? this.characters.concat('…') : this.characters;
    shown.forEach((text, number) => {
      const style = this.styles[number] ?? PLAIN;
      const last = spans[spans.length - 1];
      if (last !== undefined && same(last.style, style)) last.text += text;
      else spans.push({ text, style });
    });
    return spans;
  }

  /** Return text that makes a line which begins in a style what this one is: what is seen, and where it goes on. */
  raw(begin: IStyle): string {
    const all = coded(this.spans(), begin, this.style);
    if (this.at >= this.characters.length) return all;
    const before = new Cells(begin, true);
    before.characters = this.characters.slice(0, this.at);
    before.styles = this.styles.slice(0, this.at);
    return `${all}\r${coded(before.spans(), this.style, this.style)}`;
  }

  private put(text: string): void {
    if (!text) return;
    const pieces = this.moves ? Array.from(text) : [text];
    for (const piece of pieces) {
      const room = this.moves ? WIDEST - this.at : WIDEST - this.width;
      if (piece.length > Math.max(room, 0)) this.cut = true;
      const kept = this.moves && room > 0 ? piece : piece.slice(0, Math.max(room, 0));
      if (kept) {
        this.characters[this.at] = kept;
        this.styles[this.at] = this.style;
        this.width += kept.length;
        this.at++;
      }
    }
  }

  private move(how: string): void {
    if (how === '\r') this.at = 0;
    else if (how === '\b') this.at = Math.max(this.at - 1, 0);
    else this.erase(how.charAt(2));
  }

  /** Erase from here to the end, or (1) from the beginning to here, or (2) everything. */
  private erase(what: string): void {
    if (what === '1' || what === '2') {
      const end = Math.min(this.at + 1, this.characters.length);
      this.characters.fill(' ', 0, end);
      this.styles.fill(PLAIN, 0, end);
    }
    if (what !== '1') {
      this.characters.length = Math.min(this.at, this.characters.length);
      this.styles.length = this.characters.length;
      this.cut = false;
    }
  }

  private characters: string[] = [];
  private styles: IStyle[] = [];
  private at = 0;
  private width = 0;
  private cut = false;
}

function coded(spans: readonly ISpan[], begin: IStyle, end: IStyle): string {
  let text = '';
  for (const span of spans) {
    if (!same(begin, span.style)) text += sequence(span.style);
    text += span.text;
    begin = span.style;
  }
  return same(begin, end) ? text : text + sequence(end);
}
