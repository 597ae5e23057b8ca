/** Selecting and copying text of which only the rows in sight are in the page. */

import type { LogStore } from './logstore';
import { lineOf, textOf } from './rows';

export interface ISpot {
  line: number;
  column: number;
}

/** No more is put on the clipboard: whole logs are downloaded. */
export const MOST = 20 << 20;

/** Return the lines between two spots as they are seen, and how many; `from` and `to` in either order. */
export function textBetween(
  store: LogStore,
  from: ISpot,
  to: ISpot,
  most = MOST
): { text: string; lines: number } {
  const [first, last] = before(from, to) ? [from, to] : [to, from];
  const texts: string[] = [];
  let size = 0;
  for (let line = Math.max(first.line, store.first); line <= last.line && size < most; line++) {
    const text = store.text(line);
    const begin = line === first.line ? first.column : 0;
    texts.push(text.slice(begin, line === last.line ? last.column : undefined));
    size += text.length + 1;
  }
  return { text: texts.join('\n'), lines: texts.length };
}

/** Return the place in the log of a place in the page, or null. */
export function spotOf(node: Node | null, offset: number): ISpot | null {
  const line = lineOf(node);
  const element = node instanceof Element ? node : node?.parentElement;
  const row = element?.closest('.pollinator-Log-row');
  if (!node || !row || line === null) return null;
  const text = textOf(row);
  if (!text.contains(node)) return { line, column: offset ? text.textContent.length : 0 };
  const range = document.createRange();
  range.setStart(text, 0);
  range.setEnd(node, offset);
  return { line, column: range.toString().length };
}

function before(one: ISpot, other: ISpot): boolean {
  return one.line < other.line || (one.line === other.line && one.column <= other.column);
}
