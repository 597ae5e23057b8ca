/** What a terminal is set to, and what the control sequences for colours (SGR) make of it. */

export interface IStyle {
  /** The codes of the marks that are on, in order, e.g. "14" for bold and underlined. */
  readonly marks: string;
  /** The code of the colour, e.g. "31", "38;5;208" or "38;2;10;20;30"; nothing for the usual one. */
  readonly colour: string;
  /** The code of the colour behind the text. */
  readonly behind: string;
}

export const PLAIN: IStyle = { marks: '', colour: '', behind: '' };

/** How many codes of one sequence count. */
const MOST_CODES = 200;
const ENDED_BY: Record<string, string> = {
  '22': '12',
  '23': '3',
  '24': '4',
  '25': '5',
  '27': '7',
  '28': '8',
  '29': '9'
};
const COLOUR = /^(?:[349][0-7]|10[0-7]|[34]8:[\d:]{1,24})$/;
const SGR = /\x1b\[([0-9;:]*)m/g;

/** Return what the codes of one control sequence, such as "1;31", make of a style. */
export function after(style: IStyle, codes: string): IStyle {
  const parts = codes.split(';', MOST_CODES);
  for (let at = 0; at < parts.length; at++) {
    const code = (parts[at] ?? '').replace(/^0+/, '');
    const ended = ENDED_BY[code];
    if (!code) {
      style = PLAIN;
    } else if (ended !== undefined) {
      style = {
        ...style,
        marks: Array.from(style.marks)
          .filter(mark => !ended.includes(mark))
          .join('')
      };
    } else if (code.length === 1) {
      style = {
        ...style,
        marks: Array.from(new Set(style.marks + code))
          .sort()
          .join('')
      };
    } else if (code === '39' || code === '49') {
      style = coloured(style, code, '');
    } else if (COLOUR.test(code)) {
      style = coloured(style, code, code);
    } else if (code === '38' || code === '48') {
      const count = { '5': 2, '2': 4 }[parts[at + 1] ?? ''] ?? 1;
      style = coloured(style, code, extended([code, ...parts.slice(at + 1, at + 1 + count)]));
      at += count;
    }
  }
  return style;
}

/** Return the style that lines of raw text leave behind, looking only at what follows the last reset. */
export function styleAfter(text: string, style: IStyle): IStyle {
  const reset = Math.max(text.lastIndexOf('\x1b[0m'), text.lastIndexOf('\x1b[m'));
  if (reset < 0 && !text.includes('\x1b')) return style;
  SGR.lastIndex = Math.max(reset, 0);
  for (let found = SGR.exec(text); found; found = SGR.exec(text)) {
    style = after(style, found[1] ?? '');
  }
  return style;
}

export function same(one: IStyle, other: IStyle): boolean {
  return (
    one === other ||
    (one.marks === other.marks && one.colour === other.colour && one.behind === other.behind)
  );
}

/** Return the control sequence that sets exactly this style, whatever was set before. */
export function sequence(style: IStyle): string {
  return `\x1b[${['0', ...Array.from(style.marks), style.colour, style.behind].filter(Boolean).join(';')}m`;
}

/** A code tells by its first digit whether it is for the text (3, 9) or for what is behind it (4, 10). */
function coloured(style: IStyle, code: string, value: string): IStyle {
  return code.startsWith('4') || code.startsWith('1')
    ? { ...style, behind: value }
    : { ...style, colour: value };
}

/** Return one of 256 colours, or red, green and blue; nothing if that is not whole. */
function extended(codes: readonly string[]): string {
  const values = codes.slice(2);
  const whole = codes.length === (codes[1] === '5' ? 3 : 5);
  return whole && values.every(value => /^\d{1,3}$/.test(value)) ? codes.join(';') : '';
}
