/**
 * The `%%pollinate` line of a cell: found, read, and changed, as text.
 *
 * Words are split as a POSIX shell does it, which is how the magic reads them. Whatever is not changed stays as it is
 * written, with its quotes, also what is not known here.
 */

export const RESOURCES = ['nodes', 'cpu', 'mem', 'gpu', 'walltime'] as const;

export type Resource = (typeof RESOURCES)[number];

/** Where a cell runs and what it gets there; what is empty is left to the project. */
export type Choice = Record<'executor' | Resource, string>;

/** A piece of a source that becomes another one. */
export interface IEdit {
  start: number;
  end: number;
  text: string;
}

interface IWord {
  /** As it is written. */
  raw: string;
  /** Without its quotes. */
  text: string;
}

/** What a word of the line is: an executor, the value of an option, its name and value in one, or something else. */
interface IPart extends IWord {
  role: 'executor' | 'value' | 'assignment' | 'other';
  /** The option whose value this is, without its dashes. */
  option: string;
}

const MAGIC = '%%pollinate';
const OURS = /^[ \t]*%%pollinate(?=\s|$)/;
/** Magics below which the rest of the cell is read as a cell. */
const TRANSPARENT = /^%%(?:time|timeit|capture|prun)\b/;
const PLAIN = /^[\w@%+=:,./{}$[\]*<>-]+$/;
/** Options that take the next word, besides the resources. */
const WITH_VALUE = new Set(
  'ppn image cmd init source pip env get as on-interrupt in out map step after'.split(' ')
);

export function emptyChoice(): Choice {
  return { executor: '', nodes: '', cpu: '', mem: '', gpu: '', walltime: '' };
}

/** Return the cell's `%%pollinate` line, or null. */
export function lineOf(source: string): string | null {
  const place = placeOf(source);
  return place.ours ? source.slice(place.start, place.end) : null;
}

/** Return the change that gives a cell this line, in the place of the one that it has. */
export function withLine(source: string, line: string): IEdit {
  const { start, end, ours } = placeOf(source);
  return ours ? { start, end, text: line } : { start, end: start, text: `${line}\n` };
}

/** Return the change that takes the line away, and only the line; null if there is none. */
export function withoutLine(source: string): IEdit | null {
  const { start, end, ours } = placeOf(source);
  return ours ? { start, end: Math.min(end + 1, source.length), text: '' } : null;
}

/** Return what a line says, as far as a choice tells it. */
export function readLine(line: string): Choice {
  const choice = emptyChoice();
  const parts = partsOf(line);
  choice.executor = parts
    .filter(part => part.role === 'executor')
    .map(part => part.text)
    .join(',');
  for (const resource of RESOURCES) choice[resource] = optionValue(parts, resource);
  return choice;
}

/** Return the value of an option of the line; empty if it is not given. */
export function optionOf(line: string, option: string): string {
  return optionValue(partsOf(line), option);
}

/** Return the line with this choice; all else in it stays. Null stands for no line yet. */
export function writeLine(line: string | null, change: Partial<Choice>): string {
  let parts = partsOf(line ?? MAGIC);
  const before = readLine(line ?? MAGIC);
  if (change.executor !== undefined && change.executor.trim() !== before.executor) {
    parts = withExecutor(parts, change.executor.trim());
  }
  for (const resource of RESOURCES) {
    const value = change[resource]?.trim();
    if (value !== undefined && value !== before[resource])
      parts = withOption(parts, resource, value);
  }
  return [MAGIC, ...parts.map(part => part.raw)].join(' ');
}

/** Find the line of a cell, or where it would begin. */
function placeOf(source: string): { start: number; end: number; ours: boolean } {
  let start = 0;
  let below = 0;
  while (start < source.length) {
    const newline = source.indexOf('\n', start);
    const end = newline < 0 ? source.length : newline;
    const line = source.slice(start, end);
    if (OURS.test(line)) return { start, end, ours: true };
    if (TRANSPARENT.test(line)) below = Math.min(end + 1, source.length);
    else if (line.trim()) break;
    start = end + 1;
  }
  return { start: below, end: below, ours: false };
}

/** Split an option line; a quote that is not closed goes to the end. */
function split(line: string): IWord[] {
  const words: IWord[] = [];
  let raw = '';
  let text = '';
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    const next = line.charAt(at + 1);
    if (!quote && /\s/.test(character)) {
      if (raw) words.push({ raw, text });
      raw = text = '';
      continue;
    }
    raw += character;
    if (character === '\\' && next && (!quote || (quote === '"' && /["\\]/.test(next)))) {
      raw += next;
      text += next;
      at += 1;
    } else if (character === quote) {
      quote = '';
    } else if (!quote && /['"]/.test(character)) {
      quote = character;
    } else {
      text += character;
    }
  }
  if (raw) words.push({ raw, text });
  return words;
}

function partsOf(line: string): IPart[] {
  const parts: IPart[] = [];
  let waiting = '';
  for (const word of split(line.replace(OURS, ''))) {
    const [, name = '', assigned] = /^--([\w-]+)(=)?/.exec(word.text) ?? [];
    if (name) {
      parts.push({ ...word, role: assigned ? 'assignment' : 'other', option: name });
      waiting = !assigned && takesValue(name) ? name : '';
    } else if (waiting === 'each' && (word.text.includes('=') || word.text.startsWith('-'))) {
      parts.push({ ...word, role: 'value', option: 'each' });
    } else if (waiting && waiting !== 'each') {
      parts.push({ ...word, role: 'value', option: waiting });
      waiting = '';
    } else {
      // A word that follows the values of --each, and is none, is an executor.
      parts.push({ ...word, role: word.text.startsWith('-') ? 'other' : 'executor', option: '' });
      waiting = '';
    }
  }
  return parts;
}

function takesValue(option: string): boolean {
  return option === 'each' || WITH_VALUE.has(option) || isResource(option);
}

function isResource(option: string): option is Resource {
  return (RESOURCES as readonly string[]).includes(option);
}

/** Return what an option has; of several values the last one counts. */
function optionValue(parts: readonly IPart[], option: string): string {
  const part = parts.filter(part => hasValue(part, option)).pop();
  if (!part) return '';
  return part.role === 'value' ? part.text : part.text.slice(option.length + 3);
}

function hasValue(part: IPart, option: string): boolean {
  return part.option === option && (part.role === 'value' || part.role === 'assignment');
}

function withExecutor(parts: readonly IPart[], executor: string): IPart[] {
  const first = parts.findIndex(part => part.role === 'executor');
  const others = parts.filter(part => part.role !== 'executor');
  if (!executor) return others;
  const named: IPart = { raw: quoted(executor), text: executor, role: 'executor', option: '' };
  others.splice(Math.max(first, 0), 0, named);
  return others;
}

function withOption(parts: readonly IPart[], option: Resource, value: string): IPart[] {
  const all = [...parts];
  const pair: IPart[] = [
    { raw: `--${option}`, text: `--${option}`, role: 'other', option },
    { raw: quoted(value), text: value, role: 'value', option }
  ];
  const at = lastIndex(all, part => hasValue(part, option));
  if (at >= 0) {
    const begin = all[at]?.role === 'value' ? at - 1 : at;
    all.splice(begin, at - begin + 1, ...(value ? pair : []));
  } else if (value) {
    const after = lastIndex(
      all,
      part => part.role === 'executor' || (isResource(part.option) && hasValue(part, part.option))
    );
    all.splice(after + 1, 0, ...pair);
  }
  return all;
}

function lastIndex(parts: readonly IPart[], wanted: (part: IPart) => boolean): number {
  return parts.reduce((found, part, at) => (wanted(part) ? at : found), -1);
}

/** Return a word as it has to be written to be read as this text. */
function quoted(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replace(/\s+/g, ' ').replaceAll("'", `'\\''`)}'`;
}
