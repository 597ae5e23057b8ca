/** A line of the log as an element: its number, and its text in its colours with the matches of a search marked. */

import { DARK, LIGHT, paint, type Rgb } from './colours';
import type { IMatch } from './find';
import type { ISpan } from './line';
import type { IStyle } from './style';

/** What a search marks in a line. */
export interface IMarks {
  matches: readonly IMatch[];
  /** Where the match begins that the user has gone to; -1 if it is in no such place. */
  current: number;
}

/** How many looks are remembered; a program may use sixteen million colours. */
const REMEMBERED = 4_096;

/** Return an empty row for a line. */
export function newRow(line: number): HTMLElement {
  const row = document.createElement('div');
  row.className = 'pollinator-Log-row';
  row.dataset['line'] = String(line);
  const number = document.createElement('span');
  number.className = 'pollinator-Log-number';
  number.setAttribute('aria-hidden', 'true');
  number.dataset['number'] = String(line + 1);
  const text = document.createElement('span');
  text.className = 'pollinator-Log-text';
  row.append(number, text);
  return row;
}

/** Return the element of a row that holds its text. */
export function textOf(row: Element): Element {
  return row.lastElementChild ?? row;
}

/** Return the line that an element of a row belongs to, or null. */
export function lineOf(node: Node | null): number | null {
  const element = node instanceof Element ? node : node?.parentElement;
  const line = element?.closest<HTMLElement>('.pollinator-Log-row')?.dataset['line'];
  return line === undefined ? null : Number(line);
}

/** Show text in a row. */
export function fillRow(row: HTMLElement, spans: readonly ISpan[], marks: IMarks): void {
  const pieces: Node[] = [];
  let column = 0;
  for (const span of spans) {
    for (const [text, match] of split(span.text, column, marks.matches)) {
      const styled = dressed(text, span.style);
      pieces.push(match ? marked(styled, match.start === marks.current) : styled);
    }
    column += span.text.length;
  }
  textOf(row).replaceChildren(...pieces);
}

/** Return the pieces of a text that begins in a column, each with the match that it belongs to, if it does. */
function split(
  text: string,
  column: number,
  matches: readonly IMatch[]
): [text: string, match: IMatch | null][] {
  const pieces: [string, IMatch | null][] = [];
  let at = 0;
  for (const match of matches) {
    const start = Math.max(match.start - column, at);
    const end = Math.min(match.end - column, text.length);
    if (start >= end) continue;
    if (start > at) pieces.push([text.slice(at, start), null]);
    pieces.push([text.slice(start, end), match]);
    at = end;
  }
  if (at < text.length) pieces.push([text.slice(at), null]);
  return pieces;
}

function marked(node: Node, current: boolean): Node {
  const mark = document.createElement('mark');
  mark.className = current ? 'pollinator-mod-current' : '';
  mark.append(node);
  return mark;
}

function dressed(text: string, style: IStyle): Node {
  if (!style.marks && !style.colour && !style.behind) return document.createTextNode(text);
  const span = document.createElement('span');
  span.textContent = text;
  if (style.marks) span.dataset['marks'] = style.marks;
  for (const [name, value] of looks(style)) span.style.setProperty(name, value);
  return span;
}

/** Return the properties that give a style its colours, on a light and on a dark page: the style sheet takes its own. */
function looks(style: IStyle): readonly [name: string, value: string][] {
  const key = `${style.marks.includes('7')} ${style.colour} ${style.behind}`;
  const known = remembered.get(key);
  if (known) return known;
  const properties: [string, string][] = [];
  for (const [page, ground] of [
    ['light', LIGHT],
    ['dark', DARK]
  ] as const) {
    const { colour, behind } = paint(style, ground);
    if (colour) properties.push([`--pollinator-${page}`, css(colour)]);
    if (behind) properties.push([`--pollinator-${page}-behind`, css(behind)]);
  }
  if (remembered.size >= REMEMBERED) remembered.clear();
  remembered.set(key, properties);
  return properties;
}

function css([red, green, blue]: Rgb): string {
  return `rgb(${red} ${green} ${blue})`;
}

const remembered = new Map<string, readonly [string, string][]>();
